// Logs a notice when there is no progress: batches are in flight and none has finished for a while. It does
// not end the run: a slow disk or an unavailable broker is not the run's fault.
#pragma once

#include <chrono>
#include <cstdint>

#include "graph/ledger.h"
#include "graph/shared.h"

namespace pipec::graph {

class Watchdog {
 public:
  Watchdog(const Shared& shared, const Ledger& ledger) : shared_(shared), ledger_(ledger) {}

  // How often to call look(); 0: never.
  std::chrono::milliseconds interval() const;
  void look();

 private:
  using Time = std::chrono::steady_clock::time_point;
  const Shared& shared_;
  const Ledger& ledger_;
  std::uint64_t finished_ = 0;  // as of the last look
  Time moved_{};                // when a batch had finished last, or nothing was in flight
  bool stalled_ = false;
};

}  // namespace pipec::graph
