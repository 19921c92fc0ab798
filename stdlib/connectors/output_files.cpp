#include "stdlib/connectors/output_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "pipec/runtime/paths.h"
#include "stdlib/connectors/output_faults.h"
#include "stdlib/connectors/output_file.h"
#include "stdlib/connectors/output_limits.h"

namespace pipec::stdlib {

namespace {

using runtime::Fd;
using runtime::Status;

constexpr std::size_t kFlushBytes = std::size_t{256} << 10;   // per file
constexpr std::size_t kDirectBytes = std::size_t{64} << 10;   // a piece this long is not copied first
constexpr std::size_t kBufferedBytes = std::size_t{4} << 20;  // over all files
constexpr std::size_t kSyncedOneByOne = 64;  // more than this are made durable together, if possible
constexpr std::size_t kLeastBuffered = std::size_t{64} << 10;
constexpr std::size_t kKeptCapacity = std::size_t{16} << 10;  // of an empty buffer, if there are many files

// The key prefix of the entries for files below `base`.
std::string key_base(const std::string& base) {
  const std::string path = runtime::state_path(base);
  if (path == runtime::state_path(".")) return {};
  return path == "/" ? path : path + "/";
}

}  // namespace

OutputFiles::OutputFiles(OutputOptions options)
    : options_(std::move(options)),
      key_base_(key_base(options_.base)),
      directory_(options_.base, options_.confined, options_.is_private),
      wants_commit_(options_.confined),
      wants_small_batches_(options_.confined),
      turnover_(kMostKept, options_.clock->steady_now()) {
  OutputLimits::add(*this);
  options_.owners->add(this, key_base_, options_.shape);
}

OutputFiles::~OutputFiles() {
  options_.owners->drop(this);
  OutputLimits::remove(*this);
}

Status OutputFiles::failure() {
  const std::lock_guard guard(mutex_);
  return failed_ ? Status(*failed_) : Status();
}

Status OutputFiles::latch(Status status) {
  if (!status && !failed_) failed_ = status.error();
  return status;
}

// Called before bytes are written: ensures that the checkpoint has entries for all files, with one save for
// all new ones, and that the first file is open.
Status OutputFiles::make_ready(const std::vector<OutputFile*>& files) {
  runtime::StateEntries ahead;
  for (const OutputFile* file : files) {
    if (file->known) continue;
    const OutputMark mark{file->written, file->inode, file->tail_before, false, options_.compression};
    ahead.push_back({key_of(file->path), mark.text()});
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
  if (std::exchange(file.wants_newline, false) && line) {
    if (file.pending.empty()) all.buffered_.push_back(&file);
    file.pending.push_back('\n');
    file.tail.append("\n");
    ++all.buffered_bytes_;
  }
  if (file.regular) {
    file.tail.append(text);
    if (line) file.tail.append("\n");
  }
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
  if (file.regular) file.tail.append(bytes);
  if (file.pending.empty()) all.buffered_.push_back(&file);
  file.pending.append(bytes);
  if (writing) return buffered(file, bytes.size());
  all.buffered_bytes_ += bytes.size();
  all.count(file);
  return {};
}

// G12: a buffer is memory in use, full or not.
void OutputFiles::count(OutputFile& file) {
  const std::size_t now = file.pending.capacity();
  held_bytes_.fetch_add(now - file.counted, std::memory_order_relaxed);  // modulo 2^64 where it shrank
  file.counted = now;
}

void OutputFiles::keep_limit(std::size_t bytes) {
  const std::lock_guard guard(mutex_);
  most_buffered_ = std::clamp(bytes, kLeastBuffered, kBufferedBytes);
}

Status OutputFiles::Writer::buffered(OutputFile& file, std::size_t bytes) {
  OutputFiles& all = files_;
  all.buffered_bytes_ += bytes;
  all.count(file);
  if (all.buffered_bytes_ >= all.most_buffered_) return all.latch(all.flush_all());
  if (file.pending.size() < kFlushBytes) return {};
  if (Status ready = all.make_ready({&file}); !ready) return all.latch(ready);
  return all.latch(all.put(file, {}, false));
}

void OutputFiles::note_change(OutputFile& file) {
  if (file.changed) return;
  file.changed = true;
  changed_.push_back(&file);
  recent_.splice(recent_.begin(), recent_, file.recent);
}

Status OutputFiles::write_all(OutputFile& file, std::string_view text, bool add_newline) {
  int error = write_output(file, text, add_newline);
  if (error == ENOSPC && file.regular) {
    // Preallocated space is no longer needed.
    const bool own = give_back_all_room();
    const bool others = OutputLimits::give_back_room(*this);
    if (own || others) error = write_output(file, text, add_newline);
  }
  if (error != 0)
    return runtime::system_error("sink", "cannot write", directory_.full_path(file.path), error);
  return {};
}

bool OutputFiles::give_back_all_room() {
  bool any = false;
  for (OutputFile* file : open_) any = give_back_room(*file, true) || any;
  return any;
}

bool OutputFiles::give_back_room_if_idle() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  return lock.owns_lock() && give_back_all_room();
}

Status OutputFiles::put(OutputFile& file, std::string_view text, bool add_newline) {
  if (Status opened = open_again(file); !opened) return opened;
  // Writing past the end of a file that another process truncated would leave a hole.
  struct stat info;
  if (file.regular &&
      (::fstat(file.fd->get(), &info) != 0 || static_cast<std::uint64_t>(info.st_size) != file.written)) {
    return sink_error(fmt::format("{} was changed by another process while this one writes it",
                                  directory_.full_path(file.path)));
  }
  if (!file.pending.empty()) {
    buffered_bytes_ -= file.pending.size();
    std::erase(buffered_, &file);
  }
  const bool made = file.length() == file.pending.size();
  allocate_ahead(file, file.pending.size() + text.size() + 1);
  if (Status written = write_all(file, text, add_newline); !written) return written;
  if (options_.durable) start_writing_back(file);
  if (files_.size() > 16 && file.pending.capacity() > kKeptCapacity) file.pending = std::string();
  count(file);
  if (!file.unsynced) {
    file.unsynced = true;
    unsynced_.push_back(&file);
  }
  if (made && !file.leaving)
    note_change(file);  // an entry from a snapshot before the file was created has no inode
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
  forget_left();
  const auto now = options_.clock->steady_now();
  const bool in_turn = turnover_.look(now);
  wants_small_batches_.store(options_.confined && in_turn, std::memory_order_relaxed);
  wants_commit_.store(options_.confined && (in_turn || changed_.size() > kMostKept),
                      std::memory_order_relaxed);
  if (options_.finishes && !failed_) {
    finish_idle(now, out);
    if (files_.size() > kMostKept) finish_changed(out);
  }
  for (OutputFile* file : changed_) {
    file->changed = false;
    file->last_written = now;
    if (!file->regular || file->leaving) continue;
    out.push_back({key_of(file->path), entry_of(*file)});
  }
  changed_.clear();
}

std::string OutputFiles::entry_of(const OutputFile& file, bool clean) const {
  return OutputMark{file.length(), file.inode, file.tail.hash(), clean, options_.compression}.text();
}

// No bytes are waiting to be written or synced.
bool OutputFiles::is_through(const OutputFile& file) {
  return file.pending.empty() && !file.gathers && !file.unsynced && !file.syncing && !file.changed;
}

bool OutputFiles::is_idle(const OutputFile& file) {
  return file.regular && is_through(file) && !file.leaving;
}

// Removes the entry with the commit of this snapshot, which covers the whole file. False: an earlier,
// cancelled removal is still in flight.
bool OutputFiles::leave(OutputFile& file, runtime::StateEntries& out) {
  std::string key = key_of(file.path);
  if (!leaving_.emplace(key, Leaving{Leaving::State::asked, entry_of(file)}).second) return false;
  ++asked_;
  file.leaving = true;
  out.push_back({std::move(key), {}});
  return true;
}

// From the one unwritten longest on.
void OutputFiles::finish_idle(std::chrono::steady_clock::time_point now, runtime::StateEntries& out) {
  std::size_t unwritten = recent_.size() - changed_.size();
  const std::lock_guard guard(leaving_mutex_);
  for (auto at = recent_.rbegin(); unwritten > 0 && at != recent_.rend(); ++at) {
    OutputFile& file = **at;
    if (file.changed) continue;
    if (unwritten <= kMostIdle && now - file.last_written < options_.close_after) return;
    --unwritten;
    if (is_idle(file)) leave(file, out);
  }
}

// If there are more files than are kept: files that this commit makes durable can be forgotten, except for
// the newest.
void OutputFiles::finish_changed(runtime::StateEntries& out) {
  const std::lock_guard guard(leaving_mutex_);
  for (std::size_t i = 0; i + kMostIdle < changed_.size(); ++i) {
    if (changed_[i]->regular && !changed_[i]->leaving) leave(*changed_[i], out);
  }
}

std::optional<std::string> OutputFiles::kept_entry(const std::string& key) {
  const std::lock_guard guard(leaving_mutex_);
  const auto found = leaving_.find(key);
  if (found == leaving_.end()) return std::nullopt;  // another sink's
  Leaving& leaving = found->second;
  if (leaving.state == Leaving::State::called_off) {
    std::string entry = std::move(leaving.entry);
    leaving_.erase(found);
    return entry;
  }
  if (leaving.state == Leaving::State::asked && --asked_ == 0) left_.notify_all();
  leaving.state = Leaving::State::gone;
  return std::nullopt;
}

// A record arrived for a file whose entry was about to be removed.
void OutputFiles::come_back(OutputFile& file) {
  file.leaving = false;
  const std::lock_guard guard(leaving_mutex_);
  const auto found = leaving_.find(key_of(file.path));
  if (found->second.state == Leaving::State::asked) {
    found->second.state = Leaving::State::called_off;
    if (--asked_ == 0) left_.notify_all();
    return;
  }
  // The commit in progress removes its entry, so the entry is saved again after that commit.
  leaving_.erase(found);
  file.known = false;
  file.tail_before = file.tail.hash();
}

void OutputFiles::make_way() {
  const auto crowded = [&] {
    const std::lock_guard guard(mutex_);
    forget_left();
    return files_.size() > kMostKept && !failed_;
  };
  if (!crowded()) return;
  {
    // If the commit does not happen, the next batch only costs memory.
    constexpr std::chrono::seconds kPatience{1};
    std::unique_lock lock(leaving_mutex_);
    left_.wait_for(lock, kPatience, [&] { return asked_ == 0; });
  }
  crowded();
}

// Called between two writes, when no file is referenced.
void OutputFiles::forget_left() {
  const std::lock_guard guard(leaving_mutex_);
  for (auto at = leaving_.begin(); at != leaving_.end();) {
    const auto found = files_.find(path_of(at->first));
    if (at->second.state != Leaving::State::gone || !is_through(*found->second)) {
      ++at;
      continue;
    }
    OutputFile& file = *found->second;
    if (file.fd) {
      give_back_room(file);
      open_.erase(file.used);
    }
    turnover_.forgotten(file.path);
    recent_.erase(file.recent);
    held_bytes_.fetch_sub(found->second->counted, std::memory_order_relaxed);
    files_.erase(found);
    at = leaving_.erase(at);
  }
}

void OutputFiles::finish(runtime::StateEntries& out) {
  const std::lock_guard guard(mutex_);
  if (failed_ || !save_ahead_) return;
  for (const auto& [path, file] : files_) {
    if (!file->regular || file->leaving || !file->known || !file->pending.empty() || file->unsynced ||
        file->inode == 0)
      continue;
    out.push_back({key_of(path), options_.finishes ? std::string() : entry_of(*file, true)});
  }
}

// Checks that the name still refers to the file being written and that no other process wrote to it.
Status OutputFiles::check_in_place(const OutputFile& file) const {
  const std::string full = directory_.full_path(file.path);
  struct stat info;
  if (const int error = directory_.look_at(file.path, info)) {
    return runtime::system_error("sink", "the file is no longer there:", full, error);
  }
  if (info.st_dev != file.device || info.st_ino != file.inode) {
    return sink_error(fmt::format("{} was replaced by another process while this one writes it", full));
  }
  if (static_cast<std::uint64_t>(info.st_size) != file.written) {
    return sink_error(fmt::format("{} holds {} bytes where {} were written: another process has changed it",
                                  full, info.st_size, file.written));
  }
  return {};
}

Status OutputFiles::sync() {
  std::vector<OutputFile*> written;
  std::set<std::string> directories;
  bool all_at_once = false;
  {
    const std::lock_guard guard(mutex_);
    if (failed_) return *failed_;
    if (Status flushed = flush_all(); !flushed) return latch(flushed);
    directories = directory_.take_changed();
    if (!unsynced_.empty() || !directories.empty()) {
      if (Status there = directory_.in_place(); !there) return latch(there);
    }
    for (OutputFile* file : unsynced_) {
      if (!file->regular) {
        file->unsynced = false;
        continue;
      }
      if (Status there = check_in_place(*file); !there) return latch(there);
      file->syncing = true;
      written.push_back(file);
    }
    unsynced_.clear();
    all_at_once = std::exchange(sync_all_, false) || written.size() > kSyncedOneByOne;
  }
  // One descriptor at a time is held here beyond the open ones.
  Status status;
  for (OutputFile* file : written) {
    std::shared_ptr<Fd> fd;
    std::string path;
    {
      const std::lock_guard guard(mutex_);
      file->syncing = false;
      file->unsynced = false;
      fd = file->fd;
      // It was closed to free a descriptor: synced then, or left to sync_all().
      if (!fd && directory_.syncs_all(file->device)) all_at_once = true;
      path = file->path;
      if (all_at_once && directory_.syncs_all(file->device)) fd = nullptr;
    }
    if (fd && status && options_.durable && ::fdatasync(fd->get()) != 0)
      status = runtime::system_error("sink", "cannot sync", directory_.full_path(path), errno);
  }
  if (status && options_.durable && all_at_once) status = directory_.sync_all();
  if (status && options_.durable) status = directory_.sync(directories);
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
