#include "graph/state/byte_limiter.h"

#include <algorithm>

#include "graph/state/invariant.h"

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
  queue_.erase(queue_.begin());
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

}  // namespace pipec::graph
