// The end of a branch that goes nowhere: its records count as filtered.
#pragma once

#include <cstdint>

#include "graph/shared.h"

namespace pipec::graph {

class DropNode {
 public:
  DropNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
      : in(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "drop", Wiring::Runs::at_once,
                                [this](BatchView* view) { take(view); })),
        done(add_port<BatchView*>(wiring, in, "done")),
        shared_(shared) {}
  Input<BatchView*> in;
  Output<BatchView*> done;

 private:
  void take(BatchView* view) {
    InFlightBatch& in_flight = *view->in_flight;
    shared_.leases.note_expansion(in_flight);
    if (shared_.faults.alive(in_flight)) {
      Counters::add(shared_.counters.records_filtered, view->batch.records.size());
    }
    done.send(view);
  }

  const Shared& shared_;
};

}  // namespace pipec::graph
