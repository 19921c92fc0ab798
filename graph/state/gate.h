// Sources wait here while receiving is held (G7). Each change is reported once; halting opens the gate
// permanently. While closed, it may still admit sources whose own queue causes the memory pressure.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
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

  // While it is closed: allows sources with their own queue to empty it.
  void drain(bool on) {
    const std::lock_guard lock(mutex_);
    if (on && !draining_) changed_.notify_all();
    draining_ = on;
  }

  bool is_open() const {
    const std::lock_guard lock(mutex_);
    return open_;
  }
  bool drains() const {
    const std::lock_guard lock(mutex_);
    return !open_ && draining_;
  }
  // Until it is open; false after halt().
  bool wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ || halted_; });
    return !halted_;
  }
  enum class State : std::uint8_t { open, draining, closed, halted };
  // Returns the state after at most `most`; earlier if the gate opens, or if `queued` sources may continue.
  State wait_for(std::chrono::milliseconds most, bool queued) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, most, [&] { return open_ || halted_ || (queued && draining_); });
    if (halted_) return State::halted;
    if (open_) return State::open;
    return draining_ ? State::draining : State::closed;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_;
  bool draining_ = false;
  bool halted_ = false;
};

}  // namespace pipec::graph
