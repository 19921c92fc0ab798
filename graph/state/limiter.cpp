#include "graph/state/limiter.h"

#include <vector>

namespace pipec::graph {

void Limiter::take(const LimiterCall& call) {
  const std::lock_guard lock(mutex_);
  switch (call.what) {
    case LimiterCall::What::request:
      if (no_more_ && !call.rest) {
        grant_({call.source, false});
        return;
      }
      waiting_.push_back({limiter_.request(call.bytes, call.alone), call.source, call.rest});
      hand_out();
      return;
    case LimiterCall::What::credit:
      limiter_.release(call.bytes);
      // If woken for every batch, a source would spend more time falling asleep than receiving, so it is
      // granted a series of permits at a time. Batches in flight settle without it, so usage always falls to
      // one half.
      if (limiter_.used_units() <= limiter_.limit_units() / 2) hand_out();
      return;
    case LimiterCall::What::new_limit:
      limiter_.set_limit(call.bytes);
      hand_out();
      return;
    case LimiterCall::What::no_more:
      no_more_ = true;
      refuse_all();
      hand_out();
      return;
  }
}

void Limiter::correct(std::size_t held, std::size_t real) {
  const std::lock_guard lock(mutex_);
  limiter_.correct(held, real);
  if (real < held) hand_out();
}

void Limiter::grow(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limiter_.grow(bytes);
}

void Limiter::enter(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limiter_.enter(bytes);
}

// The lock is held.
void Limiter::hand_out() {
  while (!waiting_.empty() && limiter_.try_admit(waiting_.front().ticket)) {
    const std::uint32_t source = waiting_.front().source;
    waiting_.erase(waiting_.begin());
    grant_({source, true});
  }
  note_waiting();
}

// The lock is held.
void Limiter::refuse_all() {
  std::erase_if(waiting_, [&](const Waiting& each) {
    if (each.rest) return false;
    limiter_.withdraw(each.ticket);
    grant_({each.source, false});
    return true;
  });
}

void Limiter::note_waiting() {
  waits_.any |= !waiting_.empty();
  waits_.for_bytes |= limiter_.short_of_bytes();
}

Limiter::Waits Limiter::take_waits() {
  const std::lock_guard lock(mutex_);
  note_waiting();
  const Waits taken = waits_;
  waits_ = {};
  return taken;
}

std::size_t Limiter::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return limiter_.used_bytes();
}

std::size_t Limiter::used_units() const {
  const std::lock_guard lock(mutex_);
  return limiter_.used_units();
}

}  // namespace pipec::graph
