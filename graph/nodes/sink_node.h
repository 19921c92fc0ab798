// sink: one batch at a time, in order. A retriable fault suspends it without holding a worker: what arrives
// meanwhile waits in the sequencer.
#pragma once

#include <cstdint>
#include <memory>

#include "graph/nodes/sink_writer.h"
#include "graph/shared.h"
#include "graph/state/sequencer.h"

namespace pipec::graph {

class SinkNode {
 public:
  SinkNode(const Shared& shared, Wiring& wiring, std::uint32_t node,
           const std::unique_ptr<runtime::Sink>& sink);
  Input<BatchView*> in;
  Output<BatchView*> done;
  Output<BatchView*> again;    // to itself: the suspended batch
  Input<Completed> completed;  // batches that the sink has finished later
  Output<Completed> later;
  Output<BatchView*> completed_done;

  SinkWriter& writer() { return writer_; }

 private:
  void take(BatchView* view);
  bool attempt(BatchView* view);
  void written(BatchView* view, const std::shared_ptr<DeferredWrite>& deferred);
  void hold_for_route_point(BatchView* view);
  void complete(const Completed& batch);

  const Shared& shared_;
  const std::uint32_t node_;
  const bool unordered_;
  SinkWriter writer_;
  Sequencer<BatchView*> order_;
  std::uint64_t arrivals_ = 0;      // unordered: the order in which they came
  Sequencer<BatchView*> written_;   // unordered: until all before them are written too
  BatchView* suspended_ = nullptr;  // is tried again first
};

}  // namespace pipec::graph
