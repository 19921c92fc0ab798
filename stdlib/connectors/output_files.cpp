#include "stdlib/connectors/output_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "pipec/runtime/paths.h"
#include "stdlib/connectors/output_file.h"
#include "stdlib/connectors/output_path.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::Fd;
using runtime::Result;
using runtime::Status;

constexpr std::size_t kFlushBytes = std::size_t{256} << 10;   // per file
constexpr std::size_t kDirectBytes = std::size_t{64} << 10;   // a piece this long is not copied first
constexpr std::size_t kBufferedBytes = std::size_t{4} << 20;  // over all files
constexpr std::size_t kKeptCapacity = std::size_t{16}
                                      << 10;  // of an empty buffer, where there are many files

Error sink_error(std::string message) {
  return Error{"sink", std::move(message), {}, {}};
}

// Errors of open() that a path from a record can bring about by itself. Null: a fault of the world.
const char* path_fault(int error) {
  switch (error) {
    case ELOOP:
    case EXDEV:
      return "leads through a symbolic link";
    case ENOTDIR:
      return "leads through something that is no directory";
    case EISDIR:
      return "is a directory";
    case ENAMETOOLONG:
      return "has a name that is too long";
    case ENXIO:
      return "is no regular file";
    case EINVAL:
    case EILSEQ:
      return "is no name that the file system takes";
    default:
      return nullptr;
  }
}

// What the keys of entries begin with for files below `base`.
std::string key_base(const std::string& base) {
  const std::string path = runtime::state_path(base);
  if (path == runtime::state_path(".")) return {};
  return path == "/" ? path : path + "/";
}

}  // namespace

OutputFiles::OutputFiles(OutputOptions options)
    : options_(std::move(options)),
      key_base_(key_base(options_.base)),
      directory_(options_.base, options_.confined, options_.is_private) {}

OutputFiles::~OutputFiles() = default;

Status OutputFiles::failure() {
  const std::lock_guard guard(mutex_);
  return failed_ ? Status(*failed_) : Status();
}

Status OutputFiles::latch(Status status) {
  if (!status && !failed_) failed_ = status.error();
  return status;
}

Status OutputFiles::open(const runtime::StateEntries& saved) {
  const std::lock_guard guard(mutex_);
  if (Status opened = directory_.open(); !opened) return latch(opened);
  if (options_.guard) options_.guard->open(options_.base);
  for (const runtime::StateEntry& entry : saved) {
    if (!entry.key.starts_with(key_base_)) continue;
    const std::string path = entry.key.substr(key_base_.size());
    if (refuse_output(path) != nullptr || !options_.shape.matches(path)) continue;
    if (Status restored = restore(path, entry.value); !restored) return latch(restored);
  }
  return {};
}

Status OutputFiles::restore(const std::string& path, std::string_view value) {
  const std::string full = directory_.full_path(path);
  const auto mark = OutputMark::parse(value);
  if (!mark)
    return sink_error(fmt::format("{}: the checkpoint's entry of it cannot be read: {}", full, value));
  constexpr const char* kAdvice = "put it back as it was, or start over with --from-start";
  if (mark->compression != options_.compression && mark->size != 0) {
    return sink_error(
        fmt::format("{} was written with compress: {} so far, and cannot go on with compress: {}; "
                    "put it back, or name another file",
                    full, compression_name(mark->compression), compression_name(options_.compression)));
  }
  auto file = std::make_unique<OutputFile>();
  file->path = path;
  // What the text has given to somebody else since is not this sink's any more.
  if (options_.guard && guard_against(*file, nullptr)) return {};
  OutputDirectory::Opened opened = directory_.open_existing(path);
  if (!opened.fd && mark->size == 0 && (opened.error == ENOENT || path_fault(opened.error))) return {};
  if (!opened.fd && opened.error == ENOENT) {
    return sink_error(
        fmt::format("{} is gone, but {} bytes of it are committed; {}", full, mark->size, kAdvice));
  }
  if (!opened.fd) return runtime::system_error("sink", "cannot open", full, opened.error);
  struct stat info;
  if (::fstat(opened.fd.get(), &info) != 0) return runtime::system_error("sink", "cannot stat", full, errno);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const bool same = mark->inode == 0 || (mark->inode == info.st_ino && mark->device == info.st_dev);
  if (!S_ISREG(info.st_mode) || !same) {
    return sink_error(
        fmt::format("{} was replaced since the last run: it is another file than the one that holds {} "
                    "committed bytes; {}",
                    full, mark->size, kAdvice));
  }
  if (size < mark->size) {
    return sink_error(
        fmt::format("{} holds {} bytes, but {} are committed; {}", full, size, mark->size, kAdvice));
  }
  file->known = true;
  if (Status room = make_room(); !room) return room;
  if (Status adopted = adopt(*file, std::move(opened.fd)); !adopted) return adopted;
  if (size > mark->size && ::ftruncate(file->fd->get(), static_cast<off_t>(mark->size)) != 0) {
    return runtime::system_error("sink", "cannot cut back", full, errno);
  }
  if (size > mark->size) {
    if (cut_files_++ == 0) cut_first_ = full;
    cut_bytes_ += size - mark->size;
  }
  file->written = mark->size;
  file->started = mark->size;
  files_.emplace(path, std::move(file));
  return {};
}

// What is there already is packed as what comes will be: nobody could read a mixture.
Status OutputFiles::check_compression(const OutputFile& file) const {
  const auto found = compression_of_file(file.fd->get());
  if (!found || *found == options_.compression) return {};
  const auto named = [](Compression compression) {
    return compression == Compression::none ? "plain text" : compression_name(compression);
  };
  return sink_error(fmt::format("{} holds {}, and this sink would append {}; name another file",
                                directory_.full_path(file.path), named(*found), named(options_.compression)));
}

std::string OutputFiles::resume_note() const {
  if (cut_files_ == 0) return {};
  const std::string what =
      cut_files_ == 1 ? cut_first_ : fmt::format("{} and {} more", cut_first_, cut_files_ - 1);
  return fmt::format("{}: cut back by {} bytes to what is committed", what, cut_bytes_);
}

// Takes an open file: its identity, its length, the lock, a place among the open ones.
Status OutputFiles::adopt(OutputFile& file, Fd fd) {
  const std::string full = directory_.full_path(file.path);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return runtime::system_error("sink", "cannot stat", full, errno);
  file.regular = S_ISREG(info.st_mode);
  file.device = info.st_dev;
  file.inode = info.st_ino;
  if (file.regular) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return runtime::system_error("sink", "cannot lock", full, errno);
      return sink_error(fmt::format(
          "{} is being written by somebody else (another pipec, or another sink of this one)", full));
    }
    file.written = static_cast<std::uint64_t>(info.st_size);
  }
  file.started = file.written;
  file.fd = std::make_shared<Fd>(std::move(fd));
  open_.push_front(&file);
  file.used = open_.begin();
  return {};
}

// Why a record may not write this file, else null; `there` as in OutputGuard::refuse().
const char* OutputFiles::guard_against(OutputFile& file, const struct stat* there) const {
  if (!options_.guard) return nullptr;
  if (const char* reason = options_.guard->refuse(file.path, there)) return reason;
  return there ? nullptr : options_.guard->claim(file.path, file.claim);
}

Result<OutputFile*> OutputFiles::Writer::find(std::string_view path, std::string& refused) {
  OutputFiles& all = files_;
  if (all.failed_) return *all.failed_;
  const std::string key(path);
  const auto found = all.files_.find(key);
  if (found != all.files_.end()) return found->second.get();
  auto file = std::make_unique<OutputFile>();
  file->path = key;
  auto admission = all.admit(*file);
  if (!admission) return all.latch(admission.error()).error();
  if (!admission->ok) {
    refused = std::move(admission->refused);
    return nullptr;
  }
  OutputFile* const result = file.get();
  all.files_.emplace(key, std::move(file));
  return result;
}

// Looks at what is there. A file that is not there is made when its first bytes are written, once the
// checkpoint knows.
Result<OutputFiles::Admission> OutputFiles::admit(OutputFile& file) {
  const std::string full = directory_.full_path(file.path);
  if (const char* reason = guard_against(file, nullptr)) return Admission{false, reason};
  if (Status room = make_room(); !room) return room.error();
  OutputDirectory::Opened opened = directory_.open_existing(file.path);
  if (opened.error == EMFILE || opened.error == ENFILE) {
    if (Status closed = close_oldest(); !closed) return closed.error();
    opened = directory_.open_existing(file.path);
  }
  int error = opened.error;
  if (!opened.fd && error == ENOENT) error = directory_.make_parents(file.path);
  if (error != 0) {
    const char* fault = path_fault(error);
    if (fault && options_.confined) return Admission{false, fmt::format("the path {}", fault)};
    return runtime::system_error("sink", "cannot open", full, error);
  }
  file.known = !save_ahead_;
  if (!opened.fd) return Admission{true, {}};
  struct stat info;
  if (options_.confined && (::fstat(opened.fd.get(), &info) != 0 || !S_ISREG(info.st_mode))) {
    return Admission{false, "the path is no regular file"};
  }
  if (options_.confined) {
    if (const char* reason = guard_against(file, &info)) return Admission{false, reason};
  }
  if (Status adopted = adopt(file, std::move(opened.fd)); !adopted) return adopted.error();
  if (!file.regular) file.known = true;
  if (file.regular && !options_.truncate) {
    if (Status fits = check_compression(file); !fits) return fits.error();
  }
  if (options_.truncate && file.regular) {
    if (::ftruncate(file.fd->get(), 0) != 0)
      return runtime::system_error("sink", "cannot empty", full, errno);
    file.written = 0;
    file.started = 0;
  }
  return Admission{true, {}};
}

Status OutputFiles::make_room() {
  while (open_.size() >= options_.most_open) {
    if (Status closed = close_oldest(); !closed) return closed;
  }
  return {};
}

Status OutputFiles::close_oldest() {
  if (open_.empty()) return {};
  OutputFile& file = *open_.back();
  // An error of writing back might be lost with the last descriptor, so it is asked for now.
  if (file.unsynced && file.regular && options_.durable && ::fdatasync(file.fd->get()) != 0) {
    return runtime::system_error("sink", "cannot sync", directory_.full_path(file.path), errno);
  }
  open_.pop_back();
  give_back_room(file);
  file.fd.reset();
  return {};
}

void OutputFiles::use(OutputFile& file) {
  open_.splice(open_.begin(), open_, file.used);
}

Status OutputFiles::open_again(OutputFile& file) {
  if (file.fd) {
    use(file);
    return {};
  }
  if (Status room = make_room(); !room) return room;
  const std::string full = directory_.full_path(file.path);
  const bool first = file.inode == 0;
  const auto try_open = [&] {
    return first ? directory_.create(file.path) : directory_.open_existing(file.path);
  };
  OutputDirectory::Opened opened = try_open();
  if (opened.error == EMFILE || opened.error == ENFILE) {
    if (Status closed = close_oldest(); !closed) return closed;
    opened = try_open();
  }
  if (!opened.fd)
    return runtime::system_error("sink", first ? "cannot make" : "cannot open", full, opened.error);
  const std::uint64_t device = file.device;
  const std::uint64_t inode = file.inode;
  const std::uint64_t written = file.written;
  if (Status adopted = adopt(file, std::move(opened.fd)); !adopted) return adopted;
  if (!first && (file.device != device || file.inode != inode || file.written != written)) {
    return sink_error(fmt::format("{} was changed by somebody else while it is written here", full));
  }
  return {};
}

// Before bytes go into files: the checkpoint knows them all, the first one is open. One save for all that are
// new.
Status OutputFiles::make_ready(const std::vector<OutputFile*>& files) {
  runtime::StateEntries ahead;
  for (const OutputFile* file : files) {
    if (!file->known)
      ahead.push_back({key_of(file->path),
                       OutputMark{file->written, file->device, file->inode, options_.compression}.text()});
  }
  if (!ahead.empty()) {
    if (Status saved = save_ahead_(ahead); !saved) return saved;
  }
  for (OutputFile* file : files) file->known = true;
  return {};
}

Status OutputFiles::Writer::append(OutputFile& file, std::string_view text, bool newline_follows, bool line) {
  OutputFiles& all = files_;
  if (all.failed_) return *all.failed_;
  all.note_change(file);
  if (text.size() >= kDirectBytes) {
    if (newline_follows) text = {text.data(), text.size() + 1};
    if (Status ready = all.make_ready({&file}); !ready) return all.latch(ready);
    return all.latch(all.put(file, text, line && !newline_follows));
  }
  if (file.pending.empty()) all.buffered_.push_back(&file);
  file.pending.append(text);
  if (line) file.pending.push_back('\n');
  return buffered(file, text.size() + (line ? 1 : 0));
}

Status OutputFiles::Writer::append_frame(OutputFile& file, std::string_view bytes, bool writing) {
  OutputFiles& all = files_;
  if (all.failed_) return *all.failed_;
  all.note_change(file);
  if (file.pending.empty()) all.buffered_.push_back(&file);
  file.pending.append(bytes);
  if (writing) return buffered(file, bytes.size());
  all.buffered_bytes_ += bytes.size();
  return {};
}

Status OutputFiles::Writer::buffered(OutputFile& file, std::size_t bytes) {
  OutputFiles& all = files_;
  all.buffered_bytes_ += bytes;
  if (all.buffered_bytes_ >= kBufferedBytes) return all.latch(all.flush_all());
  if (file.pending.size() < kFlushBytes) return {};
  if (Status ready = all.make_ready({&file}); !ready) return all.latch(ready);
  return all.latch(all.put(file, {}, false));
}

void OutputFiles::note_change(OutputFile& file) {
  if (file.changed) return;
  file.changed = true;
  changed_.push_back(&file);
}

Status OutputFiles::put(OutputFile& file, std::string_view text, bool add_newline) {
  if (Status opened = open_again(file); !opened) return opened;
  // Writing behind the end of a file that somebody cut would leave a hole.
  struct stat info;
  if (file.regular &&
      (::fstat(file.fd->get(), &info) != 0 || static_cast<std::uint64_t>(info.st_size) != file.written)) {
    return sink_error(fmt::format("{} was changed by somebody else while it is written here",
                                  directory_.full_path(file.path)));
  }
  if (!file.pending.empty()) {
    buffered_bytes_ -= file.pending.size();
    std::erase(buffered_, &file);
  }
  const bool made = file.length() == file.pending.size();
  allocate_ahead(file, file.pending.size() + text.size() + 1);
  if (Status written = write_output(file, text, add_newline, directory_.full_path(file.path)); !written)
    return written;
  if (options_.durable) start_writing_back(file);
  if (files_.size() > 16 && file.pending.capacity() > kKeptCapacity) file.pending = std::string();
  if (!file.unsynced) {
    file.unsynced = true;
    unsynced_.push_back(&file);
  }
  if (made) note_change(file);  // the entry that a snapshot gave before the file was made has no inode
  return {};
}

Status OutputFiles::flush_all() {
  const std::vector<OutputFile*> files = buffered_;
  if (files.empty()) return {};
  if (Status ready = make_ready(files); !ready) return ready;
  for (OutputFile* file : files) {
    if (Status written = put(*file, {}, false); !written) return written;
  }
  return {};
}

void OutputFiles::snapshot(runtime::StateEntries& out) {
  const std::lock_guard guard(mutex_);
  for (OutputFile* file : changed_) {
    file->changed = false;
    if (!file->regular) continue;
    out.push_back({key_of(file->path), entry_of(*file)});
  }
  changed_.clear();
}

std::string OutputFiles::entry_of(const OutputFile& file) const {
  return OutputMark{file.length(), file.device, file.inode, options_.compression}.text();
}

// The name still means the file that is written, and nobody else wrote to it.
Status OutputFiles::check_in_place(const OutputFile& file) const {
  const std::string full = directory_.full_path(file.path);
  struct stat info;
  if (const int error = directory_.look_at(file.path, info)) {
    return runtime::system_error("sink", "the file is no longer there:", full, error);
  }
  if (info.st_dev != file.device || info.st_ino != file.inode) {
    return sink_error(fmt::format("{} was replaced by somebody else while it is written here", full));
  }
  if (static_cast<std::uint64_t>(info.st_size) != file.written) {
    return sink_error(fmt::format("{} holds {} bytes where {} were written: somebody else changes it", full,
                                  info.st_size, file.written));
  }
  return {};
}

Status OutputFiles::sync() {
  std::vector<std::pair<std::shared_ptr<Fd>, std::string>> written;
  std::set<std::string> directories;
  {
    const std::lock_guard guard(mutex_);
    if (failed_) return *failed_;
    if (Status flushed = flush_all(); !flushed) return latch(flushed);
    for (OutputFile* file : unsynced_) {
      file->unsynced = false;
      if (!file->regular) continue;
      if (Status there = check_in_place(*file); !there) return latch(there);
      // One that was closed meanwhile was synced then.
      if (file->fd) written.emplace_back(file->fd, file->path);
    }
    unsynced_.clear();
    directories = directory_.take_changed();
  }
  if (!options_.durable) return {};
  Status status;
  for (const auto& [fd, path] : written) {
    if (::fdatasync(fd->get()) == 0) continue;
    status = runtime::system_error("sink", "cannot sync", directory_.full_path(path), errno);
    break;
  }
  if (status) status = directory_.sync(directories);
  const std::lock_guard guard(mutex_);
  return latch(status);
}

Status OutputFiles::close() {
  const std::lock_guard guard(mutex_);
  Status status;
  if (!failed_) status = latch(flush_all());
  open_.clear();
  for (auto& [path, file] : files_) {
    give_back_room(*file);
    file->fd.reset();
  }
  return status;
}

}  // namespace pipec::stdlib
