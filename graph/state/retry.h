// Retry delays (D14): exponential, bounded in delay and number. Only the logic; the caller waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "pipec/graph/pipeline.h"

namespace pipec::graph {

class Backoff {
 public:
  explicit Backoff(const RetryLimits& limits) : limits_(limits) { reset(); }

  // How long to wait before the next attempt; null: the limit is reached, the error is terminal.
  std::optional<std::chrono::milliseconds> next() {
    if (attempts_ >= limits_.attempts) return std::nullopt;
    ++attempts_;
    const std::chrono::milliseconds wait = delay_;
    delay_ = std::min(delay_ * 2, limits_.longest);
    return wait;
  }
  void reset() {
    attempts_ = 0;
    delay_ = std::min(limits_.first, limits_.longest);
  }

 private:
  RetryLimits limits_;
  std::chrono::milliseconds delay_{0};
  unsigned attempts_ = 0;
};

}  // namespace pipec::graph
