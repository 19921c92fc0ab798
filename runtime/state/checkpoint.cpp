// The store on disk. All work goes through the directory's descriptor: a directory that is removed or
// replaced while the pipeline runs is noticed, not written around.
#include "pipec/runtime/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <mutex>
#include <optional>

#include "pipec/runtime/fd.h"
#include "runtime/state/checkpoint_file.h"
#include "runtime/state/finished_list.h"

namespace pipec::runtime {

namespace {

constexpr const char* kCurrent = "checkpoint";
constexpr const char* kPrevious = "checkpoint.prev";
constexpr const char* kNew = "checkpoint.new";
constexpr const char* kLock = "lock";
constexpr mode_t kPrivate = 0600;

Error checkpoint_error(std::string message) {
  return Error{"checkpoint", std::move(message), {}, {}};
}

Error checkpoint_error(std::string_view doing, std::string_view path, int error_number) {
  return system_error("checkpoint", doing, path, error_number);
}

// mkdir -p; every directory that is made is private, and its name durable.
Status make_directories(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) == 0) {
      const std::size_t above = part.find_last_of('/');
      const std::string parent = above == std::string::npos ? "." : above == 0 ? "/" : part.substr(0, above);
      const Fd fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!fd || ::fsync(fd.get()) != 0) return checkpoint_error("cannot sync", parent, errno);
    } else if (errno != EEXIST) {
      return checkpoint_error("cannot create the state directory", part, errno);
    }
    if (slash == std::string::npos) return {};
  }
}

struct FileText {
  bool exists = false;
  std::string bytes;
};

Result<FileText> read_file(int directory, const char* name, const std::string& path) {
  const Fd fd(::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT) return FileText{};
    return checkpoint_error("cannot open", path, errno);
  }
  FileText result{true, {}};
  char chunk[16384];
  for (;;) {
    const ssize_t got = ::read(fd.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return checkpoint_error("cannot read", path, errno);
    if (got == 0) return result;
    result.bytes.append(chunk, static_cast<std::size_t>(got));
  }
}

void merge(StateEntries& entries, const StateEntry& change) {
  const auto at =
      std::lower_bound(entries.begin(), entries.end(), change.key,
                       [](const StateEntry& entry, const std::string& key) { return entry.key < key; });
  const bool there = at != entries.end() && at->key == change.key;
  if (change.value.empty()) {
    if (there) entries.erase(at);
  } else if (there) {
    at->value = change.value;
  } else {
    entries.insert(at, change);
  }
}

// Merges many changes at once: inserting them one by one would move the later entries each time.
void merge(StateEntries& entries, const StateEntries& changes) {
  constexpr std::size_t kFew = 16;
  if (changes.size() <= kFew) {
    for (const StateEntry& change : changes) merge(entries, change);
    return;
  }
  std::vector<const StateEntry*> sorted;
  for (const StateEntry& change : changes) sorted.push_back(&change);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const StateEntry* a, const StateEntry* b) { return a->key < b->key; });
  StateEntries merged;
  merged.reserve(entries.size() + sorted.size());
  auto old = entries.begin();
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i + 1 < sorted.size() && sorted[i]->key == sorted[i + 1]->key) continue;  // the last one counts
    while (old != entries.end() && old->key < sorted[i]->key) merged.push_back(std::move(*old++));
    if (old != entries.end() && old->key == sorted[i]->key) ++old;
    if (!sorted[i]->value.empty()) merged.push_back(*sorted[i]);
  }
  std::move(old, entries.end(), std::back_inserter(merged));
  entries = std::move(merged);
}

class Store final : public CheckpointStore {
 public:
  Store(Fd directory, Fd lock, std::string path, std::string pipeline)
      : directory_(std::move(directory)),
        lock_(std::move(lock)),
        path_(std::move(path)),
        finished_(directory_.get(), path_) {
    content_.pipeline = std::move(pipeline);
  }

  const StateEntries& entries() const override { return content_.entries; }

  Status load() {
    if (Status compacted = finished_.compact(); !compacted) return compacted;
    auto file = read_file(directory_.get(), kCurrent, path_of(kCurrent));
    if (!file) return file.error();
    if (!file->exists) {
      struct stat previous;
      if (::fstatat(directory_.get(), kPrevious, &previous, AT_SYMLINK_NOFOLLOW) != 0) return {};
      return refused(fmt::format("is missing, but {} exists", path_of(kPrevious)));
    }
    auto content = state::decode_checkpoint(file->bytes);
    if (!content) return refused(content.error().message);
    if (content->pipeline != content_.pipeline) {
      return refused(
          fmt::format("belongs to the pipeline '{}', not to '{}'", content->pipeline, content_.pipeline));
    }
    content_ = std::move(*content);
    return {};
  }

  Status save(const StateEntries& changes) override {
    const std::lock_guard guard(mutex_);
    if (failed_) return *failed_;
    merge(content_.entries, changes);
    return latch(replace(state::encode_checkpoint(content_)));
  }

  Status add_finished(const std::vector<std::string>& keys) override {
    const std::lock_guard guard(mutex_);
    if (failed_) return *failed_;
    if (Status added = finished_.add(keys); !added || keys.empty()) return latch(added);
    return latch(finished_.compact());
  }
  Status read_finished(const std::function<void(std::string_view key)>& each) const override {
    return finished_.read(each);
  }
  Status clear_finished() override {
    const std::lock_guard guard(mutex_);
    if (failed_) return *failed_;
    return latch(finished_.clear());
  }

  Status clear() override {
    const std::lock_guard guard(mutex_);
    if (failed_) return *failed_;
    content_.entries.clear();
    // The current one last: after a crash in between it still counts.
    for (const char* name : {kNew, kPrevious, kCurrent}) {
      if (::unlinkat(directory_.get(), name, 0) != 0 && errno != ENOENT) {
        return latch(checkpoint_error("cannot remove", path_of(name), errno));
      }
    }
    if (::fsync(directory_.get()) != 0) return latch(checkpoint_error("cannot sync", path_, errno));
    return latch(finished_.clear());
  }

 private:
  std::string path_of(const char* name) const { return path_ + "/" + name; }

  Status refused(const std::string& what) const {
    return checkpoint_error(fmt::format(
        "{} {}; nothing was read. Replace it with a good copy ({} is the previous one), or start over with "
        "--from-start",
        path_of(kCurrent), what, path_of(kPrevious)));
  }

  Status latch(Status status) {
    if (!status) failed_ = status.error();
    return status;
  }

  // A directory that was renamed takes its checkpoints along, and the next run would not find them.
  Status in_place() const {
    struct stat here;
    struct stat named;
    if (::fstat(directory_.get(), &here) != 0) return checkpoint_error("cannot stat", path_, errno);
    if (::stat(path_.c_str(), &named) != 0)
      return checkpoint_error("the state directory no longer exists:", path_, errno);
    if (here.st_ino == named.st_ino && here.st_dev == named.st_dev) return {};
    return checkpoint_error(fmt::format(
        "{} was moved or replaced while the pipeline was running; put it back and restart", path_));
  }

  Status replace(const std::string& bytes) {
    if (Status same = in_place(); !same) return same;
    const int directory = directory_.get();
    // A leftover of a crash may be anything, a symbolic link too.
    if (::unlinkat(directory, kNew, 0) != 0 && errno != ENOENT) {
      return checkpoint_error("cannot remove", path_of(kNew), errno);
    }
    {
      const Fd fd(::openat(directory, kNew, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kPrivate));
      if (!fd) return checkpoint_error("cannot make", path_of(kNew), errno);
      if (const int error = write_fully(fd.get(), bytes))
        return checkpoint_error("cannot write", path_of(kNew), error);
      if (::fsync(fd.get()) != 0) return checkpoint_error("cannot sync", path_of(kNew), errno);
    }
    // The old one gets a second name, so that `checkpoint` exists at all times.
    if (::unlinkat(directory, kPrevious, 0) != 0 && errno != ENOENT) {
      return checkpoint_error("cannot remove", path_of(kPrevious), errno);
    }
    if (::linkat(directory, kCurrent, directory, kPrevious, 0) != 0 && errno != ENOENT) {
      // A file system without hard links keeps no previous one.
      if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK) {
        return checkpoint_error("cannot link", path_of(kPrevious), errno);
      }
    }
    if (::renameat(directory, kNew, directory, kCurrent) != 0) {
      return checkpoint_error("cannot replace", path_of(kCurrent), errno);
    }
    if (::fsync(directory) != 0) return checkpoint_error("cannot sync", path_, errno);
    return {};
  }

  Fd directory_;
  Fd lock_;  // holds the flock
  std::string path_;
  const state::FinishedList finished_;
  std::mutex mutex_;
  state::CheckpointContent content_;
  std::optional<Error> failed_;
};

// A separate lock file: the checkpoint is replaced, and a lock on it would disappear with the old one.
Result<Fd> take_lock(int directory, const std::string& path) {
  Fd lock(::openat(directory, kLock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kPrivate));
  if (!lock) return checkpoint_error("cannot open", path + "/" + kLock, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return checkpoint_error("cannot lock", path + "/" + kLock, errno);
    return checkpoint_error(fmt::format("{} is in use: this pipeline is already running", path));
  }
  return lock;
}

}  // namespace

Result<std::unique_ptr<CheckpointStore>> CheckpointStore::open(const std::string& directory,
                                                               const std::string& pipeline, bool fresh) {
  if (directory.empty()) return checkpoint_error("the state directory has no name");
  if (const Status made = make_directories(directory); !made) return made.error();
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return checkpoint_error("cannot open the state directory", directory, errno);
  auto lock = take_lock(fd.get(), directory);
  if (!lock) return lock.error();
  auto store = std::make_unique<Store>(std::move(fd), std::move(*lock), directory, pipeline);
  if (const Status ready = store->load(); !ready && !fresh) return ready.error();
  return std::unique_ptr<CheckpointStore>(std::move(store));
}

Status CheckpointStore::move_old(const std::string& old_directory, const std::string& directory,
                                 const std::string& pipeline, bool fresh) {
  const Fd from(::open(old_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!from) return {};
  const std::string old_path = old_directory + "/" + kCurrent;
  auto file = read_file(from.get(), kCurrent, old_path);
  if (!file) return file.error();
  struct stat info;
  if (!file->exists || ::stat((directory + "/" + kCurrent).c_str(), &info) == 0) return {};
  const auto content = state::decode_checkpoint(file->bytes);
  if (!content) {
    if (fresh) return {};
    return checkpoint_error(fmt::format(
        "{} {}, and {} has no checkpoint; put a good copy in its place, or start over with --from-start",
        old_path, content.error().message, directory));
  }
  if (content->pipeline != pipeline) return {};
  const auto lock = take_lock(from.get(), old_directory);
  if (!lock) return lock.error();
  if (Status made = make_directories(directory); !made) return made;
  const Fd to(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!to) return checkpoint_error("cannot open the state directory", directory, errno);
  // The one that counts last: a move that was cut short is made again.
  for (const char* name : {kPrevious, kCurrent}) {
    if (::renameat(from.get(), name, to.get(), name) != 0 && errno != ENOENT)
      return checkpoint_error("cannot move", old_directory + "/" + name, errno);
  }
  if (::fsync(to.get()) != 0) return checkpoint_error("cannot sync", directory, errno);
  ::unlinkat(from.get(), kLock, 0);
  if (::fsync(from.get()) != 0) return checkpoint_error("cannot sync", old_directory, errno);
  return {};
}

}  // namespace pipec::runtime
