// A stage that sees records in source order, one batch at a time, and may keep state: deduplication, sums,
// windows. Its state is saved together with the positions it reflects, so that after a crash each record is
// counted exactly once (S1).
#pragma once

#include <cstdint>
#include <memory>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/stage.h"

namespace pipec::runtime {

// The result of prepare() for one batch, passed to apply() of the same batch.
class Prepared {
 public:
  virtual ~Prepared() = default;
};

// One object for each stage and run. The engine calls open() first, then prepare() and apply() for each
// batch; all calls but prepare() are made one at a time. An error or an exception of any of them ends the
// run.
class OrderedStage {
 public:
  virtual ~OrderedStage() = default;

  // Restores the snapshots of earlier runs, by the stage's own keys; if empty, the stage starts without
  // state.
  virtual Status open(const StateEntries& saved) {
    (void)saved;
    return {};
  }

  virtual std::unique_ptr<Scratch> make_scratch() const { return nullptr; }
  // Called on many threads at once, batches in any order: the work that needs no state, such as evaluating a
  // key. It may change the batch like Stage::process().
  virtual Result<std::unique_ptr<Prepared>> prepare(Batch& batch, Scratch* scratch,
                                                    StageContext& context) const {
    (void)batch, (void)scratch, (void)context;
    return std::unique_ptr<Prepared>();
  }

  // Called in source order (S2). The records it leaves in the batch are passed on. `prepared` is the result
  // of prepare(); null for a batch without records.
  virtual Status apply(Batch& batch, Prepared* prepared, StageContext& context) = 0;

  // Behind apply() of a batch that a commit covers: the entries that changed since the last call. An entry
  // with an empty value is removed.
  virtual void snapshot(StateEntries& changes) { (void)changes; }

  // Called at the end of the input (not if the run was stopped): the stage adds the records it holds back to
  // `out`. `out` has no records, and its block has one empty origin: added records use origin 0. If they are
  // all in one buffer, each becomes its own origin afterwards, so that a dead letter downstream has it as the
  // original.
  virtual Status finish(Batch& out, StageContext& context) {
    (void)out, (void)context;
    return {};
  }
  // Called about ten times a second if wants_time(), so that records can be released although none arrives.
  // `now` counts nanoseconds since 1970 in UTC. `out`: as for finish().
  virtual bool wants_time() const { return false; }
  virtual Status on_time(std::int64_t now, Batch& out, StageContext& context) {
    (void)now, (void)out, (void)context;
    return {};
  }
  // No record that comes will pass, so that a run which keeps nothing may stop reading. Any thread.
  virtual bool passes_no_more() const { return false; }
  // The size of its state in bytes, for the governor and the metrics. Any thread.
  virtual std::size_t held_bytes() const { return 0; }
};

}  // namespace pipec::runtime
