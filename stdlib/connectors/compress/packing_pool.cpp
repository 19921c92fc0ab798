#include "stdlib/connectors/compress/packing_pool.h"

#include <algorithm>

#include "stdlib/connectors/compress/packer.h"

namespace pipec::stdlib {

namespace {

constexpr unsigned kMostThreads = 8;

bool same(const Packing& a, const Packing& b) {
  return a.compression == b.compression && a.level == b.level;
}

}  // namespace

std::shared_ptr<PackingPool> PackingPool::get() {
  static std::mutex mutex;
  static std::weak_ptr<PackingPool> current;
  const std::lock_guard lock(mutex);
  std::shared_ptr<PackingPool> pool = current.lock();
  if (!pool) {
    pool = std::make_shared<PackingPool>();
    current = pool;
  }
  return pool;
}

PackingPool::PackingPool()
    : most_threads_(std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads)) {}

PackingPool::~PackingPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void PackingPool::put(Job& job) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(&job);
  if (idle_ < waiting_.size() && threads_.size() < most_threads_) {
    threads_.emplace_back([this] { work(); });
  }
  changed_.notify_one();
}

std::size_t PackingPool::withdraw(const Packer& packer) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(waiting_, [&](const Job* job) { return job->packer == &packer; });
}

void PackingPool::work() noexcept {
  std::unique_ptr<Compressor> compressor;
  Packing packing;
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    --idle_;
    if (stopping_) return;
    auto& job = static_cast<Packer::Job&>(*waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Packer& packer = *job.packer;
    try {
      if (!compressor || !same(packing, packer.packing_)) {
        compressor.reset();
        packing = packer.packing_;
        compressor = make_compressor(packing);
      }
      packer.work(job, compressor.get(), nullptr);
    } catch (const std::exception& exception) {
      compressor.reset();
      packer.work(job, nullptr, exception.what());
    }
    lock.lock();
  }
}

}  // namespace pipec::stdlib
