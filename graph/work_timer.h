// How long somebody works on a batch, for the governor: the rest of its time it waits.
#pragma once

#include <chrono>

#include "graph/parcel.h"
#include "pipec/runtime/clock.h"

namespace pipec::graph {

class WorkTimer {
 public:
  // Null: nobody wants to know.
  WorkTimer(const runtime::Clock* clock, Delivery& delivery) : clock_(clock), delivery_(delivery) {
    if (clock_) begun_ = clock_->steady_now();
  }
  WorkTimer(const WorkTimer&) = delete;
  WorkTimer& operator=(const WorkTimer&) = delete;
  ~WorkTimer() {
    if (!clock_) return;
    const std::chrono::nanoseconds worked = clock_->steady_now() - begun_;
    delivery_.worked.fetch_add(worked.count(), std::memory_order_relaxed);
  }

 private:
  const runtime::Clock* clock_;
  Delivery& delivery_;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace pipec::graph
