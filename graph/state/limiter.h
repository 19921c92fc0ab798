// Decides which source may receive how much (G4). ByteLimiter has the logic; this class queues the sources'
// requests and sends permits. It never blocks and allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "graph/state/byte_limiter.h"

namespace pipec::graph {

struct Permit {
  std::uint32_t source = 0;
  bool granted = false;  // false: the run ends
};

// A message to the limiter from a source, a settled batch or the governor.
struct LimiterCall {
  enum class What : std::uint8_t {
    request,    // `source` requests `bytes`; one request at a time per source
    credit,     // a batch of `bytes` has left, or a permit was not used
    new_limit,  // `bytes`
    no_more,    // from now on only `rest` requests are granted
  };
  What what = What::request;
  bool alone = false;  // to be granted when nothing else is in flight
  bool rest = false;   // the rest of a receive from before no_more: still granted
  std::uint32_t source = 0;
  std::size_t bytes = 0;
};

class Limiter {
 public:
  Limiter(std::size_t limit_bytes, std::size_t limit_units, std::size_t sources)
      : limiter_(limit_bytes, limit_units) {
    limiter_.reserve(sources);
    waiting_.reserve(sources);
  }
  // Called with the limiter's lock held.
  void on_grant(std::function<void(const Permit&)> grant) { grant_ = std::move(grant); }

  void take(const LimiterCall& call);
  // A granted permit's bytes turned out to be another amount.
  void correct(std::size_t held, std::size_t real);
  // A batch in flight grew: it keeps its bytes.
  void grow(std::size_t bytes);
  // Adds a batch that no source has received; never waits.
  void enter(std::size_t bytes);

  std::size_t used_bytes() const;
  std::size_t used_units() const;
  // Has anybody waited since the last call, and for bytes?
  struct Waits {
    bool any = false;
    bool for_bytes = false;
  };
  Waits take_waits();

 private:
  struct Waiting {
    ByteLimiter::Ticket ticket;
    std::uint32_t source;
    bool rest;
  };
  void hand_out();
  void refuse_all();
  void note_waiting();

  mutable std::mutex mutex_;
  ByteLimiter limiter_;
  std::vector<Waiting> waiting_;  // in the order of asking
  std::function<void(const Permit&)> grant_;
  Waits waits_;
  bool no_more_ = false;
};

}  // namespace pipec::graph
