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
constexpr std::size_t kKeptCapacity = std::size_t{16}
                                      << 10;  // of an empty buffer, where there are many files

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
      directory_(options_.base, options_.confined, options_.is_private) {
  OutputLimits::add(*this);
  options_.claims->add(this, key_base_, options_.shape);
}

OutputFiles::~OutputFiles() {
  options_.claims->drop(this);
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

// Before bytes go into files: the checkpoint knows them all, the first one is open. One save for all that are
// new.
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
  recent_.splice(recent_.begin(), recent_, file.recent);
  if (changed_.size() == kMostIdle && options_.finishes && want_commit_) want_commit_();
}

Status OutputFiles::write_all(OutputFile& file, std::string_view text, bool add_newline) {
  int error = write_output(file, text, add_newline);
  if (error == ENOSPC && file.regular) {
    // What was asked for ahead is for nobody now.
    give_back_all_room();
    OutputLimits::give_back_room(*this);
    error = write_output(file, text, add_newline);
  }
  if (error != 0)
    return runtime::system_error("sink", "cannot write", directory_.full_path(file.path), error);
  return {};
}

void OutputFiles::give_back_all_room() {
  for (OutputFile* file : open_) give_back_room(*file, true);
}

void OutputFiles::give_back_room_if_idle() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock()) give_back_all_room();
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
  if (Status written = write_all(file, text, add_newline); !written) return written;
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
  forget_left();
  const auto now = options_.clock->steady_now();
  if (options_.finishes && !failed_) finish_idle(now, out);
  for (OutputFile* file : changed_) {
    file->changed = false;
    file->last_written = now;
    if (!file->regular) continue;
    out.push_back({key_of(file->path), entry_of(*file)});
  }
  changed_.clear();
}

std::string OutputFiles::entry_of(const OutputFile& file, bool clean) const {
  return OutputMark{file.length(), file.inode, file.tail.hash(), clean, options_.compression}.text();
}

bool OutputFiles::is_idle(const OutputFile& file) {
  return file.regular && file.pending.empty() && !file.gathers && !file.unsynced && !file.syncing &&
         !file.leaving;
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
    if (!is_idle(file)) continue;
    const std::string key = key_of(file.path);
    // An earlier removal that was called off may still be on its way.
    if (!leaving_.emplace(key, Leaving::asked).second) continue;
    file.leaving = true;
    out.push_back({key, {}});
  }
}

bool OutputFiles::lets_go(const std::string& key) {
  const std::lock_guard guard(leaving_mutex_);
  const auto found = leaving_.find(key);
  if (found == leaving_.end()) return true;  // another sink's
  if (found->second == Leaving::called_off) {
    leaving_.erase(found);
    return false;
  }
  found->second = Leaving::gone;
  return true;
}

// A record has come for a file whose entry was to go.
void OutputFiles::come_back(OutputFile& file) {
  file.leaving = false;
  const std::lock_guard guard(leaving_mutex_);
  const auto found = leaving_.find(key_of(file.path));
  if (found->second == Leaving::asked) {
    found->second = Leaving::called_off;
    return;
  }
  // Its entry goes with the commit that is under way: it is announced again, behind that.
  leaving_.erase(found);
  file.known = false;
  file.tail_before = file.tail.hash();
}

// Between two writes: nobody holds on to a file.
void OutputFiles::forget_left() {
  const std::lock_guard guard(leaving_mutex_);
  for (auto at = leaving_.begin(); at != leaving_.end();) {
    if (at->second != Leaving::gone) {
      ++at;
      continue;
    }
    const auto found = files_.find(path_of(at->first));
    OutputFile& file = *found->second;
    if (file.fd) {
      give_back_room(file);
      open_.erase(file.used);
    }
    recent_.erase(file.recent);
    files_.erase(found);
    at = leaving_.erase(at);
  }
}

void OutputFiles::finish(runtime::StateEntries& out) {
  const std::lock_guard guard(mutex_);
  if (failed_ || !save_ahead_) return;
  for (const auto& [path, file] : files_) {
    if (!file->regular || !file->known || !file->pending.empty() || file->unsynced || file->inode == 0)
      continue;
    out.push_back({key_of(path), options_.finishes ? std::string() : entry_of(*file, true)});
  }
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
  std::vector<OutputFile*> written;
  std::set<std::string> directories;
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
      fd = file->fd;  // null: it was synced when it was closed
      path = file->path;
    }
    if (fd && status && options_.durable && ::fdatasync(fd->get()) != 0)
      status = runtime::system_error("sink", "cannot sync", directory_.full_path(path), errno);
  }
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
