#include "stdlib/connectors/compress/packer.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace pipec::stdlib {

using runtime::Error;
using runtime::Result;

Packer::Packer(const Packing& packing, unsigned threads)
    : packing_(packing), most_threads_(std::max(1U, threads)) {}

Packer::~Packer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Packer::put(OutputFile* file, std::string text) {
  held_.fetch_add(text.capacity(), std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  Job& job = jobs_.emplace_back();
  job.file = file;
  job.text = std::move(text);
  waiting_.push_back(&job);
  if (idle_ < waiting_.size() && threads_.size() < most_threads_) {
    threads_.emplace_back([this] { work(); });
  }
  changed_.notify_all();
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
  return found;
}

void Packer::keep_room(std::string&& room) {
  constexpr std::size_t kMostKept = std::size_t{2} << 20;  // a huge record's room goes back to the system
  constexpr std::size_t kLeastKept = std::size_t{64} << 10;
  if (room.capacity() < kLeastKept || room.capacity() > kMostKept || rooms_.size() > most_threads_) return;
  room.clear();
  rooms_.push_back(std::move(room));
}

void Packer::work() noexcept {
  std::unique_ptr<Compressor> compressor;
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    --idle_;
    if (stopping_) return;
    Job& job = *waiting_.front();
    waiting_.pop_front();
    job.frame = take_room();
    lock.unlock();
    try {
      if (!compressor) compressor = make_compressor(packing_);
      job.status = compressor->pack(job.text, job.frame);
    } catch (const std::exception& exception) {
      job.status = Error{"sink", std::string("cannot pack: ") + exception.what(), {}, {}};
    }
    held_.fetch_add(job.frame.capacity(), std::memory_order_relaxed);
    lock.lock();
    job.done = true;
    changed_.notify_all();
  }
}

}  // namespace pipec::stdlib
