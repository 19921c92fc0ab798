// Limits what is in flight between the sources and the commit barrier (G4): only the logic, as a plain state
// machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pipec::graph {

// Limits both bytes and the number of batches, since many small batches use memory that their bytes do not
// show. Requests are served strictly in order. A request larger than the whole limit is admitted when nothing
// else is in flight, so it never stalls.
class ByteLimiter {
 public:
  using Ticket = std::uint64_t;

  ByteLimiter(std::size_t limit_bytes, std::size_t limit_units)
      : limit_bytes_(limit_bytes), limit_units_(limit_units) {}

  // As many may be in the queue without an allocation.
  void reserve(std::size_t waiting) { queue_.reserve(waiting); }
  // Joins the queue. `alone`: to be admitted when nothing else is in flight.
  Ticket request(std::size_t bytes, bool alone = false);
  // True once: the ticket was at the head of the queue and there was enough credit. It now holds its bytes.
  bool try_admit(Ticket ticket);
  // Leaves the queue without having been admitted.
  void withdraw(Ticket ticket);
  // Corrects the number of bytes that an admitted unit holds.
  void correct(std::size_t held, std::size_t real) { used_bytes_ = used_bytes_ - held + real; }
  // An admitted unit grew: it keeps its bytes, and waiting requests wait longer.
  void grow(std::size_t bytes) { used_bytes_ += bytes; }
  // Adds a unit that did not wait for admission.
  void enter(std::size_t bytes) {
    used_bytes_ += bytes;
    ++used_units_;
  }
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
  std::vector<Waiting> queue_;  // few
};

}  // namespace pipec::graph
