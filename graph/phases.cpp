#include "graph/phases.h"

#include <algorithm>
#include <utility>

namespace pipec::graph {

namespace {

// After the deadline, everything interruptible was interrupted; a call that does not return within this time
// hangs.
constexpr std::chrono::milliseconds kGrace{500};

}  // namespace

bool Phases::wait_for(const std::function<bool(const State&)>& reached,
                      const std::function<void()>& end_early, const std::function<void()>& past_deadline) {
  std::unique_lock lock(mutex_);
  while (!reached(state_)) {
    if (std::exchange(state_.end_early, false)) {
      lock.unlock();
      end_early();
      lock.lock();
      continue;
    }
    if (!state_.ending_since) {
      changed_.wait(lock);
      continue;
    }
    const Time until = *state_.ending_since + drain_deadline_;
    if (changed_.wait_until(lock, until) == std::cv_status::no_timeout) continue;
    if (reached(state_)) return true;
    if (state_.deadline_passed) return false;
    lock.unlock();
    past_deadline();
    lock.lock();
    state_.deadline_passed = true;
    state_.ending_since = std::chrono::steady_clock::now() - drain_deadline_ + kGrace;
    changed_.notify_all();
  }
  return true;
}

bool Phases::pause(Milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return state_.deadline_passed; });
}

}  // namespace pipec::graph
