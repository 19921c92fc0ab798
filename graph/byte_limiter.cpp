#include "graph/byte_limiter.h"

#include <algorithm>

#include "graph/invariant.h"

namespace pipec::graph {

ByteLimiter::Ticket ByteLimiter::request(std::size_t bytes, bool alone) {
  const Ticket ticket = next_ticket_++;
  queue_.push_back({ticket, bytes, alone});
  return ticket;
}

bool ByteLimiter::try_admit(Ticket ticket) {
  if (queue_.empty() || queue_.front().ticket != ticket) return false;
  const std::size_t bytes = queue_.front().bytes;
  const bool alone = used_units_ == 0;
  const bool room = !queue_.front().alone && used_bytes_ <= limit_bytes_ &&
                    bytes <= limit_bytes_ - used_bytes_ && used_units_ < limit_units_;
  if (!alone && !room) return false;
  queue_.pop_front();
  used_bytes_ += bytes;
  ++used_units_;
  return true;
}

void ByteLimiter::withdraw(Ticket ticket) {
  queue_.erase(
      std::find_if(queue_.begin(), queue_.end(), [&](const Waiting& w) { return w.ticket == ticket; }));
}

void ByteLimiter::release(std::size_t bytes) {
  invariant(used_units_ > 0 && used_bytes_ >= bytes, "more bytes released than were admitted");
  used_bytes_ -= bytes;
  --used_units_;
}

bool BlockingLimiter::acquire(std::size_t bytes, bool alone, bool even_halted) {
  std::unique_lock lock(mutex_);
  const ByteLimiter::Ticket ticket = limiter_.request(bytes, alone);
  bool admitted = false;
  changed_.wait(lock, [&] {
    if (halted_ && !even_halted) return true;
    admitted = limiter_.try_admit(ticket);
    if (!admitted) {
      waits_.any = true;
      waits_.for_bytes |= limiter_.short_of_bytes();
    }
    return admitted;
  });
  if (!admitted) limiter_.withdraw(ticket);
  // The next in the queue may fit as well, or be at the head now.
  if (limiter_.waiting() > 0) changed_.notify_all();
  return admitted;
}

void BlockingLimiter::correct(std::size_t held, std::size_t real) {
  const std::lock_guard lock(mutex_);
  limiter_.correct(held, real);
  if (real < held && limiter_.waiting() > 0) changed_.notify_all();
}

void BlockingLimiter::grow(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limiter_.grow(bytes);
}

BlockingLimiter::Waits BlockingLimiter::take_waits() {
  const std::lock_guard lock(mutex_);
  Waits taken = waits_;
  taken.any |= limiter_.waiting() > 0;
  taken.for_bytes |= limiter_.short_of_bytes();
  waits_ = {};
  return taken;
}

void BlockingLimiter::release(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limiter_.release(bytes);
  // Woken for each single batch, a source would spend more time in falling asleep than in receiving: it gets
  // a run of them at a time. What is in flight is settled without it, so the half is always reached.
  if (limiter_.waiting() > 0 && limiter_.used_units() <= limiter_.limit_units() / 2) changed_.notify_all();
}

void BlockingLimiter::set_limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limiter_.set_limit(bytes);
  changed_.notify_all();
}

void BlockingLimiter::halt() {
  const std::lock_guard lock(mutex_);
  halted_ = true;
  changed_.notify_all();
}

std::size_t BlockingLimiter::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return limiter_.used_bytes();
}

std::size_t BlockingLimiter::used_units() const {
  const std::lock_guard lock(mutex_);
  return limiter_.used_units();
}

}  // namespace pipec::graph
