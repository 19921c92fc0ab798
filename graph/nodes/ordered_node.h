// A stage that sees batches one at a time, in source order, and may keep state: prepare() runs in parallel,
// apply() serially behind a sequencer. At a commit point its state is noted with the batch, so that a
// checkpoint holds state and positions of one and the same prefix (S1).
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
  Input<Parcel*> in;  // prepare
  Output<Parcel*> prepared;
  Input<Parcel*> apply;
  Way out;
  Output<Parcel*> done;  // parcels that came for a snapshot only

 private:
  void prepare(Parcel* parcel);
  void take(Parcel* parcel);
  void pass(Parcel* parcel);
  void run(Parcel& parcel);
  runtime::Status call(Parcel& parcel, runtime::StageContext& context);
  void take_snapshot(Delivery& delivery);

  const Shared& shared_;
  const std::uint32_t node_;
  const std::unique_ptr<runtime::OrderedStage>& stage_;
  ScratchPool scratch_;
  Sequencer<Parcel*> order_;
  bool meaning_noted_ = false;
};

}  // namespace pipec::graph
