// Several edges after a node: each branch gets its own view of the batch.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/shared.h"

namespace pipec::graph {

class FanOutNode {
 public:
  FanOutNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
      : in(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "fan-out", Wiring::Runs::at_once,
                                [this](BatchView* view) { take(view); })),
        shared_(shared),
        node_(node) {
    for (std::size_t i = 0; i < shared.topology.edges[node].size(); ++i) {
      branches.push_back({.out = add_port<BatchView*>(wiring, in)});
    }
  }
  Input<BatchView*> in;
  std::vector<Way> branches;

 private:
  void take(BatchView* view) {
    InFlightBatch& in_flight = *view->in_flight;
    for (std::size_t i = 0; i + 1 < branches.size(); ++i) {
      BatchView* copy = shared_.new_view(in_flight);
      copy->split = view->split;
      runtime::Status status = runtime::guarded([&] {
        copy->batch = view->batch;
        shared_.leases.note_outline(*copy);
      });
      if (!status) {
        copy->batch.records.clear();
        shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
      }
      branches[i].send(shared_, copy);
    }
    branches.back().send(shared_, view);
  }

  const Shared& shared_;
  const std::uint32_t node_;
};

}  // namespace pipec::graph
