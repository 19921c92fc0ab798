// All branches of a batch end here. After the last one, the batch continues to the route point. When a part
// of a batch has ended, the stage that stopped in the middle resumes with the rest.
#pragma once

#include <map>

#include "graph/shared.h"

namespace pipec::graph {

class EndsNode {
 public:
  EndsNode(const Shared& shared, Wiring& wiring)
      : in(add_node<BatchView*>(wiring, "ends", "ends", Wiring::Runs::at_once,
                                [this](BatchView* view) { take(view); })),
        done(add_port<InFlightBatch*>(wiring, in, "batch")),
        shared_(shared) {}
  Input<BatchView*> in;
  Output<InFlightBatch*> done;

  // A stage that may leave the rest of a batch for later.
  void send_rest_to(Wiring& wiring, std::uint32_t node, const Input<BatchView*>& stage) {
    const auto rest = rests_.emplace(node, add_port<BatchView*>(wiring, in, "rest")).first;
    rest->second.connect(stage);
  }

 private:
  void take(BatchView* view) {
    InFlightBatch* in_flight = view->in_flight;
    Split* const split = view->split;
    // With `commit sink` the sink's view waits in the in-flight batch for the route point.
    if (view != in_flight->held) shared_.recycle(view);
    if (split) {
      if (split->ends.fetch_sub(1, std::memory_order_acq_rel) == 1) go_on(split);
      return;
    }
    if (!in_flight->branches.report()) return;
    // Only dead letters still need the bytes.
    if (!in_flight->held && in_flight->letters.empty() && !in_flight->bare &&
        in_flight->block.use_count() == 1) {
      in_flight->block->data = {};
    }
    shared_.faults.must([&] { done.send(in_flight); });
  }

  // The part has reached all its ends, and its memory is released.
  void go_on(Split* split) {
    BatchView* const rest = split->rest;
    const std::uint32_t node = split->node;
    rest->split = split->outer;
    shared_.leases.note_freed(*rest->in_flight, split->made);
    shared_.pools.splits.put(split);
    shared_.faults.must([&] { rests_.at(node).send(rest); });
  }

  const Shared& shared_;
  std::map<std::uint32_t, Output<BatchView*>> rests_;
};

}  // namespace pipec::graph
