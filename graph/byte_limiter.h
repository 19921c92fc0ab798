// Bounds what is in flight between the sources and the commit barrier (G4). ByteLimiter is the law, a plain
// state machine; BlockingLimiter lets source threads wait on it. Workers only ever release and never wait.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace pipec::graph {

// Bytes are weighted, batches are counted: many small batches hold room of their own that their bytes do not
// show. Requests are served strictly in the order in which they were made; one that is larger than the whole
// limit is admitted when nothing else is in flight, so that it never stalls.
class ByteLimiter {
 public:
  using Ticket = std::uint64_t;

  ByteLimiter(std::size_t limit_bytes, std::size_t limit_units)
      : limit_bytes_(limit_bytes), limit_units_(limit_units) {}

  // Joins the queue. `alone`: to be admitted when nothing else is in flight.
  Ticket request(std::size_t bytes, bool alone = false);
  // True once: the ticket was at the head of the queue and there was room. It holds its bytes now.
  bool try_admit(Ticket ticket);
  // Leaves the queue without having been admitted.
  void withdraw(Ticket ticket);
  // What an admitted unit holds turned out to be another amount.
  void correct(std::size_t held, std::size_t real) { used_bytes_ = used_bytes_ - held + real; }
  // An admitted unit grew on its way: it keeps what it has, and those that wait wait longer.
  void grow(std::size_t bytes) { used_bytes_ += bytes; }
  void release(std::size_t bytes);
  void set_limit(std::size_t bytes) { limit_bytes_ = bytes; }
  // It is bytes that the head of the queue lacks, not the number of units.
  bool short_of_bytes() const { return !queue_.empty() && used_units_ < limit_units_; }

  std::size_t limit() const { return limit_bytes_; }
  std::size_t limit_units() const { return limit_units_; }
  std::size_t used_bytes() const { return used_bytes_; }
  std::size_t used_units() const { return used_units_; }
  std::size_t waiting() const { return queue_.size(); }

 private:
  struct Waiting {
    Ticket ticket;
    std::size_t bytes;
    bool alone;
  };
  std::size_t limit_bytes_;
  std::size_t limit_units_;
  std::size_t used_bytes_ = 0;
  std::size_t used_units_ = 0;
  Ticket next_ticket_ = 0;
  std::deque<Waiting> queue_;
};

class BlockingLimiter {
 public:
  BlockingLimiter(std::size_t limit_bytes, std::size_t limit_units) : limiter_(limit_bytes, limit_units) {}

  // Waits for room; false after halt().
  bool acquire(std::size_t bytes, bool alone = false) { return acquire(bytes, alone, false); }
  // The same, for the rest of what was received before halt(): it is let in all the same.
  void acquire_rest(std::size_t bytes) { acquire(bytes, false, true); }
  void correct(std::size_t held, std::size_t real);
  void grow(std::size_t bytes);
  void release(std::size_t bytes);
  void set_limit(std::size_t bytes);
  // Nothing is admitted any more, and nobody waits.
  void halt();

  std::size_t used_bytes() const;
  std::size_t used_units() const;
  // Has anybody waited since the last call, and for bytes?
  struct Waits {
    bool any = false;
    bool for_bytes = false;
  };
  Waits take_waits();

 private:
  bool acquire(std::size_t bytes, bool alone, bool even_halted);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ByteLimiter limiter_;
  Waits waits_;
  bool halted_ = false;
};

}  // namespace pipec::graph
