// The threads that pack for all file sinks of the process, each with one compressor: what packing costs in
// memory depends on the number of CPUs, not of sinks.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace pipec::stdlib {

class Packer;

class PackingPool {
 public:
  // The pool that all packers share; created if no packer exists.
  static std::shared_ptr<PackingPool> get();
  PackingPool();
  ~PackingPool();
  PackingPool(const PackingPool&) = delete;
  PackingPool& operator=(const PackingPool&) = delete;

  struct Job {
    Packer* packer = nullptr;
  };
  unsigned most_threads() const { return most_threads_; }
  // Threads start when there is work for them.
  void put(Job& job);
  // Jobs of this packer that no thread has begun are dropped; how many.
  std::size_t withdraw(const Packer& packer);

 private:
  void work() noexcept;

  const unsigned most_threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job*> waiting_;
  unsigned idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pipec::stdlib
