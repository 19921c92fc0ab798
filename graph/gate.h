// Where sources wait while the intake is held (G7). Each edge shows once; halting lets everybody through for
// good.
#pragma once

#include <condition_variable>
#include <mutex>

namespace pipec::graph {

class Gate {
 public:
  explicit Gate(bool open = true) : open_(open) {}

  // True: that was an edge.
  bool close() {
    const std::lock_guard lock(mutex_);
    const bool edge = open_;
    open_ = false;
    return edge;
  }
  bool open() {
    const std::lock_guard lock(mutex_);
    const bool edge = !open_;
    open_ = true;
    changed_.notify_all();
    return edge;
  }
  void halt() {
    const std::lock_guard lock(mutex_);
    halted_ = true;
    changed_.notify_all();
  }

  bool is_open() const {
    const std::lock_guard lock(mutex_);
    return open_;
  }
  // Until it is open; false after halt().
  bool wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ || halted_; });
    return !halted_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_;
  bool halted_ = false;
};

}  // namespace pipec::graph
