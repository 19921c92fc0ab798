// A stage that sees batches one at a time, in source order, and may keep state: prepare() runs in parallel,
// apply() serially after a sequencer. At a commit point, a snapshot of its state is stored with the batch, so
// that a checkpoint holds state and positions of the same prefix (S1).
#pragma once

#include <cstdint>
#include <memory>

#include "graph/nodes/stage_visit.h"
#include "graph/shared.h"
#include "graph/state/scratch_pool.h"
#include "graph/state/sequencer.h"
#include "pipec/runtime/ordered_stage.h"

namespace pipec::graph {

class OrderedNode {
 public:
  // `stage` is set when the run opens.
  OrderedNode(const Shared& shared, Wiring& wiring, std::uint32_t node,
              const std::unique_ptr<runtime::OrderedStage>& stage);
  Input<BatchView*> in;  // prepare
  Output<BatchView*> prepared;
  Input<BatchView*> apply;
  Way out;
  Output<BatchView*> done;  // views that arrived only for a snapshot

 private:
  void prepare(BatchView* view);
  void take(BatchView* view);
  void pass(BatchView* view);
  void run(BatchView& view);
  runtime::Status call(BatchView& view, runtime::StageContext& context);
  void take_snapshot(InFlightBatch& in_flight);

  const Shared& shared_;
  const std::uint32_t node_;
  const std::unique_ptr<runtime::OrderedStage>& stage_;
  ScratchPool scratch_;
  Sequencer<BatchView*> order_;
  bool meaning_noted_ = false;
};

}  // namespace pipec::graph
