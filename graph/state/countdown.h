// Counts a batch's branches: the batch is done when all of them are. One failure fails it permanently, and
// "destroyed" never means "done".
#pragma once

#include <atomic>
#include <cstdint>

#include "graph/state/invariant.h"
#include "graph/state/mutant.h"

namespace pipec::graph {

class Countdown {
 public:
  void start(std::uint32_t branches) {
    if (mutated(Mutant::forget_a_branch) && branches > 1) --branches;
    left_.store(branches, std::memory_order_relaxed);
    failed_.store(false, std::memory_order_relaxed);
  }
  void fail() { failed_.store(true, std::memory_order_relaxed); }
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  // One branch has finished. True for the last one, which sees all effects of the others.
  bool report() {
    const std::uint32_t before = left_.fetch_sub(1, std::memory_order_acq_rel);
    if (mutated(Mutant::forget_a_branch)) return before == 1;
    invariant(before > 0, "a batch was reported by more branches than it has");
    return before == 1;
  }

 private:
  std::atomic<std::uint32_t> left_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace pipec::graph
