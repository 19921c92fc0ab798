// Measures the time spent working on a batch, for the governor; the rest of its time is waiting.
#pragma once

#include <chrono>

#include "graph/in_flight.h"
#include "graph/shared.h"
#include "pipec/runtime/clock.h"

namespace pipec::graph {

class WorkTimer {
 public:
  // `clock`: null: not measured.
  WorkTimer(const runtime::Clock* clock, InFlightBatch& in_flight, NodeCounters& node)
      : clock_(clock), in_flight_(in_flight), node_(node) {
    if (clock_) begun_ = clock_->steady_now();
  }
  WorkTimer(const WorkTimer&) = delete;
  WorkTimer& operator=(const WorkTimer&) = delete;
  ~WorkTimer() {
    if (!clock_) return;
    const std::chrono::nanoseconds worked = clock_->steady_now() - begun_;
    in_flight_.worked.fetch_add(worked.count(), std::memory_order_relaxed);
    node_.worked.fetch_add(worked.count(), std::memory_order_relaxed);
  }

 private:
  const runtime::Clock* clock_;
  InFlightBatch& in_flight_;
  NodeCounters& node_;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace pipec::graph
