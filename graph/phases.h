// The progress of a run. One lock and one condition variable for all waiting threads; run() sleeps here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

namespace pipec::graph {

class Phases {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  struct State {
    bool opened = false;     // all is open, or has failed to
    bool ready = false;      // all is open
    unsigned sources = 0;    // threads at work
    unsigned threads = 0;    // all of them
    bool governing = false;  // the governor's thread is at work
    bool committed = false;  // nothing is left to commit, and the connectors are closed
    bool end_early = false;  // requested by a thread that holds locks: run() does it
    bool deadline_passed = false;
    std::optional<Time> ending_since;
  };

  explicit Phases(Milliseconds drain_deadline) : drain_deadline_(drain_deadline) {}

  // Changes the state and wakes waiting threads.
  template <typename Change>
  void change(Change&& change) {
    const std::lock_guard lock(mutex_);
    change(state_);
    changed_.notify_all();
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  State now() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  // Sleeps until `reached`. During that time `end_early` is called if a thread requests it, and
  // `past_deadline` when a run that is stopping has not ended in time. False: it has not ended even in the
  // grace period after that.
  bool wait_for(const std::function<bool(const State&)>& reached, const std::function<void()>& end_early,
                const std::function<void()>& past_deadline);
  // A wait that the deadline cuts short. False: it has passed.
  bool pause(Milliseconds time);

 private:
  const Milliseconds drain_deadline_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
};

}  // namespace pipec::graph
