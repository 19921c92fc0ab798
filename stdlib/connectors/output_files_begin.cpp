// Opening in two steps: checks the files that earlier runs left, then truncates or empties them.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <utility>

#include "stdlib/connectors/output_faults.h"
#include "stdlib/connectors/output_file.h"
#include "stdlib/connectors/output_files.h"

namespace pipec::stdlib {

using runtime::Fd;
using runtime::Result;
using runtime::StateEntry;
using runtime::Status;

namespace {

std::uint64_t hash_of(std::string_view key) {
  return XXH3_64bits(key.data(), key.size());
}

}  // namespace

bool OutputFiles::owns(const std::string& key) const {
  return options_.owners->owner_of(key) == this;
}

Status OutputFiles::open(const runtime::StateEntries& saved) {
  const std::lock_guard guard(mutex_);
  if (Status opened = directory_.open(); !opened) return latch(opened);
  if (options_.guard) options_.guard->open(options_.base);
  saved_ = saved;
  for (const StateEntry& entry : saved_) {
    if (!owns(entry.key)) continue;
    const std::string full = directory_.full_path(path_of(entry.key));
    const auto mark = OutputMark::parse(entry.value);
    if (!mark) {
      return latch(
          sink_error(fmt::format("{}: the checkpoint's entry of it cannot be read: {}", full, entry.value)));
    }
    if (beginning_.anew || is_given_away(path_of(entry.key), nullptr)) continue;
    if (mark->compression != options_.compression && mark->size != 0) {
      return latch(sink_error(fmt::format(
          "{} was written with compress: {} so far, and cannot go on with compress: {}; put it back, or name "
          "another file",
          full, compression_name(mark->compression), compression_name(options_.compression))));
    }
    if (auto found = find_saved(path_of(entry.key), *mark); !found) return latch(found.error());
  }
  return {};
}

// True if the pipeline's text now uses the path otherwise (an input, the text itself), so that it no longer
// belongs to this sink.
bool OutputFiles::is_given_away(const std::string& path, const struct stat* there) const {
  return options_.guard && options_.guard->refuse(path, there) != nullptr;
}

Result<OutputFiles::Found> OutputFiles::find_saved(const std::string& path, const OutputMark& mark) const {
  OutputDirectory::Opened opened = directory_.open_existing(path);
  return look(directory_.full_path(path), mark, std::move(opened.fd), opened.error);
}

// Whether this is the file of the entry. With Beginning::anew it need not be.
Result<OutputFiles::Found> OutputFiles::look(const std::string& full, const OutputMark& mark, Fd fd,
                                             int error) const {
  const auto advice = [&](std::string message) -> Result<Found> {
    if (beginning_.anew) return Found{};
    return sink_error(std::move(message) + "; put it back as it was, or start over with --from-start");
  };
  if (!fd && mark.size == 0 && path_fault(error)) return Found{};
  if (!fd && error == ENOENT) {
    if (mark.size == 0 || options_.recreate) return Found{};
    return advice(fmt::format(
        "{} no longer exists, but {} bytes of it are committed (on_missing: recreate creates it again)", full,
        mark.size));
  }
  if (!fd) return runtime::system_error("sink", "cannot open", full, error);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return runtime::system_error("sink", "cannot stat", full, errno);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || (mark.inode != 0 && mark.inode != info.st_ino)) {
    return advice(
        fmt::format("{} was replaced since the last run: it is another file than the one that holds {} "
                    "committed bytes",
                    full, mark.size));
  }
  if (size < mark.size) {
    return advice(fmt::format("{} holds {} bytes, but {} are committed", full, size, mark.size));
  }
  if (mark.tail) {
    const auto content = read_output(fd.get(), mark.size);
    OutputTail tail;
    if (content) tail.append(content->tail);
    if (content && tail.hash() != mark.tail) {
      return advice(
          fmt::format("{} was changed since the last run: the bytes before its byte {} are not those that "
                      "are committed",
                      full, mark.size));
    }
  }
  return Found{std::move(fd), size};
}

Status OutputFiles::begin(runtime::StateEntries& changes) {
  const std::lock_guard guard(mutex_);
  if (failed_) return *failed_;
  const runtime::StateEntries saved = std::exchange(saved_, {});
  if (beginning_.empty) {
    if (Status emptied = empty_all(); !emptied) return latch(emptied);
  } else if (beginning_.emptied && beginning_.finished) {
    Status read = beginning_.finished([&](std::string_view key) { touched_.insert(hash_of(key)); });
    if (!read) return latch(read);
  }
  for (const StateEntry& entry : saved) {
    if (beginning_.emptied && !beginning_.empty) touched_.insert(hash_of(entry.key));
    const void* const owner = options_.owners->owner_of(entry.key);
    Status settled;
    if (owner == this) settled = settle(entry, changes);
    if (!owner && options_.owners->take_orphan(entry.key)) settled = settle_orphan(entry, changes);
    if (!settled) return latch(settled);
  }
  beginning_.finished = nullptr;
  return {};
}

// For a file of this sink: cuts the bytes that a crash left after the committed length, and finishes the file
// if it may be finished.
Status OutputFiles::settle(const StateEntry& entry, runtime::StateEntries& changes) {
  const std::string path = path_of(entry.key);
  const auto mark = OutputMark::parse(entry.value);
  if (!mark) return {};  // open() has reported it
  OutputFile* const file = already_open(path);
  if (is_given_away(path, nullptr)) {
    changes.push_back({entry.key, {}});
    return {};
  }
  if (beginning_.empty) {
    changes.push_back({entry.key, {}});
    return empty(path);
  }
  auto found = find_saved(path, *mark);
  if (!found) return found.error();
  if (!found->fd) {
    changes.push_back({entry.key, {}});
    return {};
  }
  // The lock belongs to the descriptor.
  if (!file && ::flock(found->fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return sink_error(in_use(directory_.full_path(path)));
  }
  if (Status done = cut(found->fd.get(), directory_.full_path(path), *mark, found->size); !done) return done;
  if (options_.finishes) {
    changes.push_back({entry.key, {}});
  } else if (file) {
    file->known = !mark->clean;  // a clean entry says that no bytes after it are ours: not for long
  }
  if (file && file->fd) {
    file->written = mark->clean ? found->size : mark->size;
    file->started = file->written;
    return read_content(*file);
  }
  return {};
}

// No sink writes it any more: cuts the bytes that a crash left, then gives up ownership.
Status OutputFiles::settle_orphan(const StateEntry& entry, runtime::StateEntries& changes) {
  changes.push_back({entry.key, {}});
  const auto mark = OutputMark::parse(entry.value);
  if (!mark || mark->clean) return {};
  Fd fd(::open(entry.key.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW));
  if (!fd) return {};
  const auto found = look(entry.key, *mark, std::move(fd), 0);
  // A file that was changed since belongs to another process now.
  if (!found || !found->fd || ::flock(found->fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return cut(found->fd.get(), entry.key, *mark, found->size);
}

Status OutputFiles::cut(int fd, const std::string& full, const OutputMark& mark, std::uint64_t size) {
  if (size == mark.size) return {};
  if (mark.clean) {
    grown_.add(full, size - mark.size);
    return {};
  }
  if (::ftruncate(fd, static_cast<off_t>(mark.size)) != 0)
    return runtime::system_error("sink", "cannot cut back", full, errno);
  // If the entry is removed, no later start would cut the file.
  if (options_.durable && ::fdatasync(fd) != 0)
    return runtime::system_error("sink", "cannot sync", full, errno);
  cut_.add(full, size - mark.size);
  return {};
}

OutputFile* OutputFiles::already_open(const std::string& path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second.get();
}

// --truncate: whatever this sink is known to have written.
Status OutputFiles::empty_all() {
  Status status;
  if (!options_.confined) status = empty(options_.shape.name);
  if (!status || !options_.finishes || !beginning_.finished) return status;
  Status read = beginning_.finished([&](std::string_view key) {
    const std::string owned(key);
    if (status && owns(owned)) status = empty(path_of(owned));
  });
  return read ? std::move(status) : std::move(read);
}

Status OutputFiles::empty(const std::string& path) {
  const std::string full = directory_.full_path(path);
  OutputFile* const file = already_open(path);
  if (file && file->fd) return file->regular && file->written != 0 ? truncate(*file, 0) : Status();
  const OutputDirectory::Opened opened = directory_.open_existing(path);
  if (!opened.fd && (opened.error == ENOENT || path_fault(opened.error))) return {};
  if (!opened.fd) return runtime::system_error("sink", "cannot open", full, opened.error);
  struct stat info;
  if (::fstat(opened.fd.get(), &info) != 0) return runtime::system_error("sink", "cannot stat", full, errno);
  if (!S_ISREG(info.st_mode) || info.st_size == 0 || is_given_away(path, &info)) return {};
  if (::flock(opened.fd.get(), LOCK_EX | LOCK_NB) != 0) return sink_error(in_use(full));
  if (::ftruncate(opened.fd.get(), 0) != 0 || (options_.durable && ::fdatasync(opened.fd.get()) != 0))
    return runtime::system_error("sink", "cannot empty", full, errno);
  return {};
}

void OutputFiles::Notes::add(const std::string& name, std::uint64_t more) {
  if (files++ == 0) first = name;
  bytes += more;
}

std::string OutputFiles::Notes::text(const char* what) const {
  if (files == 0) return {};
  const std::string names = files == 1 ? first : fmt::format("{} and {} more", first, files - 1);
  return fmt::format(fmt::runtime(what), names, bytes);
}

std::string OutputFiles::resume_note() const {
  const std::string cut = cut_.text("{}: cut back by {} bytes to what is committed");
  const std::string grown = grown_.text(
      "{}: another program has appended {} bytes since the last run; they stay, and new output follows them");
  return cut.empty() || grown.empty() ? cut + grown : cut + "\n" + grown;
}

}  // namespace pipec::stdlib
