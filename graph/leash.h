// Ends a run's loans. A connector may keep a callback into the run after the run has ended, and a hung thread
// may stay in the run longer than the caller's clock exists.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "pipec/runtime/clock.h"

namespace pipec::graph {

// Shared by the run and the callbacks that it gives to connectors.
class Leash : public std::enable_shared_from_this<Leash> {
 public:
  std::shared_ptr<Leash> share() { return shared_from_this(); }
  // For the time of one call into the run; owns nothing once the run is over.
  std::shared_lock<std::shared_mutex> hold() {
    std::shared_lock lock(mutex_);
    if (cut_) lock.unlock();
    return lock;
  }
  // Waits for calls in progress.
  void cut() {
    const std::lock_guard lock(mutex_);
    cut_ = true;
  }

 private:
  std::shared_mutex mutex_;
  bool cut_ = false;
};

// The caller's clock, until it is given back; the system's from then on.
class BorrowedClock final : public runtime::Clock {
 public:
  explicit BorrowedClock(const Clock* clock) : clock_(clock) {}
  void give_back() {
    const std::lock_guard lock(mutex_);
    clock_ = &Clock::system();
  }
  std::chrono::steady_clock::time_point steady_now() const override {
    const std::shared_lock lock(mutex_);
    return clock_->steady_now();
  }
  std::int64_t unix_nanoseconds() const override {
    const std::shared_lock lock(mutex_);
    return clock_->unix_nanoseconds();
  }

 private:
  mutable std::shared_mutex mutex_;
  const Clock* clock_;
};

}  // namespace pipec::graph
