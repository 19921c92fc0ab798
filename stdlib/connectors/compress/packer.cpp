#include "stdlib/connectors/compress/packer.h"

#include <algorithm>
#include <new>
#include <utility>

namespace pipec::stdlib {

using runtime::Error;
using runtime::Result;

Packer::Packer(const Packing& packing)
    : packing_(packing), pool_(PackingPool::get()), most_jobs_(pool_->most_threads()) {}

Packer::~Packer() {
  const std::size_t dropped = pool_->withdraw(*this);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    const auto open = std::count_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return !job.done; });
    return static_cast<std::size_t>(open) == dropped;
  });
}

void Packer::put(OutputFile* file, std::string text) {
  held_.fetch_add(text.capacity(), std::memory_order_relaxed);
  Job* job = nullptr;
  {
    const std::lock_guard lock(mutex_);
    job = &jobs_.emplace_back();
  }
  job->packer = this;
  job->file = file;
  job->text = std::move(text);
  pool_->put(*job);
}

Result<std::optional<Packer::Frame>> Packer::take(bool wait) {
  std::unique_lock lock(mutex_);
  if (jobs_.empty()) return std::optional<Frame>();
  if (wait) changed_.wait(lock, [&] { return jobs_.front().done; });
  if (!jobs_.front().done) return std::optional<Frame>();
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  held_.fetch_sub(job.text.capacity() + job.frame.capacity(), std::memory_order_relaxed);
  keep_room(std::move(job.text));
  if (!job.status) return job.status.error();
  return std::optional<Frame>(Frame{job.file, std::move(job.frame)});
}

std::string Packer::room() {
  const std::lock_guard lock(mutex_);
  return take_room();
}

void Packer::reuse(std::string&& room) {
  const std::lock_guard lock(mutex_);
  keep_room(std::move(room));
}

std::string Packer::take_room() {
  if (rooms_.empty()) return {};
  std::string found = std::move(rooms_.back());
  rooms_.pop_back();
  held_.fetch_sub(found.capacity(), std::memory_order_relaxed);
  return found;
}

void Packer::keep_room(std::string&& room) {
  constexpr std::size_t kMostKept = std::size_t{2} << 20;  // larger buffers are returned to the system
  constexpr std::size_t kLeastKept = std::size_t{64} << 10;
  if (room.capacity() < kLeastKept || room.capacity() > kMostKept || rooms_.size() > most_jobs_) return;
  room.clear();
  held_.fetch_add(room.capacity(), std::memory_order_relaxed);
  rooms_.push_back(std::move(room));
}

void Packer::work(Job& job, Compressor* compressor, const char* failed) noexcept {
  {
    const std::lock_guard lock(mutex_);
    job.frame = take_room();
  }
  try {
    if (compressor) job.status = compressor->pack(job.text, job.frame);
  } catch (const std::bad_alloc&) {
    failed = "out of memory";
  } catch (...) {
    failed = "unknown exception";
  }
  if (failed) job.status = Error{"sink", std::string("cannot pack: ") + failed, {}, {}};
  held_.fetch_add(job.frame.capacity(), std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  job.done = true;
  changed_.notify_all();  // held: the packer may end as soon as the lock is free
}

}  // namespace pipec::stdlib
