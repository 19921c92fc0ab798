// Wrong variants of the delivery machinery, for the tests alone: each breaks one promise of the
// contract, and the suite must notice. In the product mutated() is a constant and leaves no trace.
#pragma once

#include <atomic>
#include <cstdint>

namespace pipec::graph {

enum class Mutant : std::uint8_t {
  none,
  commit_maximum,              // finished batches commit even if earlier ones are not finished
  commit_past_failure,         // a failed batch counts as done
  commit_before_dead_letters,  // the batch commits before its dead letters are durable
  commit_before_sync,          // the source is notified before the sinks are durable
  acknowledge_on_reject,       // rejected dead letters do not stop the batch's commit
  ignore_dead_letter_route,    // a failed route counts as written
  count_outputs,               // positions computed from the number of output records
  skip_empty_batches,          // what left no record is not committed
  forget_a_branch,             // a batch is done when all branches but one are
  release_twice,               // a lease is given back twice
  leak_on_failure,             // a failed batch keeps its lease
  sequencer_lets_pass,         // batches reach an ordered sink as they arrive
  two_commits_in_flight,       // a commit starts before the last one has finished
  write_after_failure,         // batches after a failed one still reach the sink
  ignore_commit_error,         // a rejected commit is treated as done
};

#ifdef PIPEC_MUTANTS
inline std::atomic<Mutant> active_mutant{Mutant::none};
inline bool mutated(Mutant mutant) {
  return active_mutant.load(std::memory_order_relaxed) == mutant;
}
#else
constexpr bool mutated(Mutant) {
  return false;
}
#endif

}  // namespace pipec::graph
