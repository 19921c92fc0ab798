// Finding, opening and closing the files: few are open at a time.
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "stdlib/connectors/output_faults.h"
#include "stdlib/connectors/output_file.h"
#include "stdlib/connectors/output_files.h"
#include "stdlib/connectors/output_limits.h"

namespace pipec::stdlib {

using runtime::Fd;
using runtime::Result;
using runtime::Status;

const char* path_fault(int error) {
  switch (error) {
    case ELOOP:
    case EXDEV:
      return "leads through a symbolic link";
    case ENOTDIR:
      return "leads through something that is not a directory";
    case EISDIR:
      return "is a directory";
    case ENAMETOOLONG:
      return "has a name that is too long";
    case ENXIO:
      return "is not a regular file";
    case EINVAL:
    case EILSEQ:
      return "is not a name that the file system accepts";
    default:
      return nullptr;
  }
}

// Checks that the existing content uses the same compression as new output: a mixture would be unreadable.
Status OutputFiles::check_compression(const OutputFile& file, std::optional<Compression> found) const {
  if (!found || *found == options_.compression) return {};
  const auto named = [](Compression compression) {
    return compression == Compression::none ? "plain text" : compression_name(compression);
  };
  return sink_error(fmt::format("{} holds {}, and this sink would append {}; name another file",
                                directory_.full_path(file.path), named(*found), named(options_.compression)));
}

// Determines how the existing content ends and whether new output can follow it.
Status OutputFiles::read_content(OutputFile& file) {
  file.tail.set({});
  file.tail_before = file.tail.hash();
  file.wants_newline = false;
  if (!file.regular || file.written == 0) return {};
  const auto content = read_output(file.fd->get(), file.written);
  if (!content) {
    file.tail.forget();
    file.tail_before.reset();
    return {};
  }
  file.tail.append(content->tail);
  file.tail_before = file.tail.hash();
  file.wants_newline = options_.compression == Compression::none && file.tail.open_line();
  return check_compression(file, content->compression);
}

Status OutputFiles::truncate(OutputFile& file, std::uint64_t size) {
  const std::string full = directory_.full_path(file.path);
  if (::ftruncate(file.fd->get(), static_cast<off_t>(size)) != 0 ||
      (options_.durable && ::fdatasync(file.fd->get()) != 0))
    return runtime::system_error("sink", "cannot empty", full, errno);
  file.written = size;
  file.started = size;
  return read_content(file);
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
      return sink_error(in_use(full));
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
  if (found != all.files_.end()) {
    if (found->second->leaving) all.come_back(*found->second);
    return found->second.get();
  }
  auto file = std::make_unique<OutputFile>();
  file->path = key;
  auto admission = all.admit(*file);
  if (!admission) return all.latch(admission.error()).error();
  if (!admission->ok) {
    refused = std::move(admission->refused);
    return nullptr;
  }
  OutputFile* const result = file.get();
  result->last_written = all.options_.clock->steady_now();
  all.recent_.push_front(result);
  result->recent = all.recent_.begin();
  all.files_.emplace(key, std::move(file));
  if (all.turnover_.found(path) && all.options_.confined) {
    all.wants_commit_.store(true, std::memory_order_relaxed);
    all.wants_small_batches_.store(true, std::memory_order_relaxed);
  }
  return result;
}

// Examines the existing file. A missing file is created when its first bytes are written, after the
// checkpoint has an entry for it.
Result<OutputFiles::Admission> OutputFiles::admit(OutputFile& file) {
  const std::string full = directory_.full_path(file.path);
  if (const char* reason = guard_against(file, nullptr)) return Admission{false, reason};
  if (Status room = make_room(); !room) return room.error();
  OutputDirectory::Opened opened = directory_.open_existing(file.path);
  while ((opened.error == EMFILE || opened.error == ENFILE) && !open_.empty()) {
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
  bool begins_empty = beginning_.empty && !options_.confined;
  if (beginning_.emptied && options_.confined) {
    const std::string key = key_of(file.path);
    begins_empty = touched_.insert(XXH3_64bits(key.data(), key.size())).second;
  }
  file.tail_before = file.tail.hash();
  if (!opened.fd) return Admission{true, {}};
  struct stat info;
  if (options_.confined && (::fstat(opened.fd.get(), &info) != 0 || !S_ISREG(info.st_mode))) {
    return Admission{false, "the path is not a regular file"};
  }
  if (options_.confined) {
    if (const char* reason = guard_against(file, &info)) return Admission{false, reason};
  }
  const auto refuse = [&](Status status) -> Result<Admission> {
    if (file.fd) open_.pop_front();
    return status.error();
  };
  if (Status adopted = adopt(file, std::move(opened.fd)); !adopted) return adopted.error();
  if (!file.regular) {
    file.known = true;
  } else if (begins_empty && options_.confined) {
    if (Status emptied = truncate(file, 0); !emptied) return refuse(std::move(emptied));
  } else if (!begins_empty) {  // else begin() empties it
    if (Status fits = read_content(file); !fits) return refuse(std::move(fits));
  }
  return Admission{true, {}};
}

std::size_t OutputFiles::most_open() const {
  return options_.most_open != 0 ? options_.most_open : OutputLimits::open_files();
}

Status OutputFiles::make_room() {
  if (open_.empty()) return {};
  for (const std::size_t most = most_open(); open_.size() >= most;) {
    if (Status closed = close_oldest(); !closed) return closed;
  }
  return {};
}

Status OutputFiles::close_oldest() {
  if (open_.empty()) return {};
  OutputFile& file = *open_.back();
  if (file.unsynced && file.regular && options_.durable) {
    if (directory_.syncs_all(file.device)) {
      sync_all_ = true;
    } else if (::fdatasync(file.fd->get()) != 0) {
      // A writeback error might be lost when the last descriptor is closed, so check for it now.
      return runtime::system_error("sink", "cannot sync", directory_.full_path(file.path), errno);
    }
  }
  open_.pop_back();
  give_back_room(file);
  file.held = file.fd;
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
  if ((file.fd = file.held.lock())) {
    // Opening it a second time would conflict with its own lock.
    open_.push_front(&file);
    file.used = open_.begin();
    return {};
  }
  const std::string full = directory_.full_path(file.path);
  const bool first = file.inode == 0;
  const auto try_open = [&] {
    return first ? directory_.create(file.path) : directory_.open_existing(file.path);
  };
  OutputDirectory::Opened opened = try_open();
  while ((opened.error == EMFILE || opened.error == ENFILE) && !open_.empty()) {
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
    return sink_error(fmt::format("{} was changed by another process while this one writes it", full));
  }
  return {};
}

}  // namespace pipec::stdlib
