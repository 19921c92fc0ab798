// Precedes a node that a batch reaches along several branches: the last part to arrive continues, with the
// records of all parts, in source order.
#pragma once

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "graph/shared.h"
#include "graph/state/join.h"

namespace pipec::graph {

class JoinNode {
 public:
  JoinNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
      : in(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "join", Wiring::Runs::at_once,
                                [this](BatchView* view) { take(view); })),
        out{.out = add_port<BatchView*>(wiring, in)},
        shared_(shared),
        node_(node) {}
  Input<BatchView*> in;
  Way out;

 private:
  void take(BatchView* view) {
    const InFlightBatch& in_flight = *view->in_flight;
    if (shared_.topology.arrivals[in_flight.feed][node_] > 1) view = join(view);
    if (view) out.send(shared_, view);
  }

  // Null: more parts are on their way.
  BatchView* join(BatchView* view) {
    InFlightBatch& in_flight = *view->in_flight;
    std::vector<BatchView*> parts;
    shared_.faults.must([&] {
      const std::lock_guard lock(in_flight.mutex);
      auto found = std::find_if(in_flight.joins.begin(), in_flight.joins.end(),
                                [&](const InFlightBatch::Join& join) { return join.node == node_; });
      if (found == in_flight.joins.end()) found = in_flight.joins.insert(found, {node_, {}});
      found->parts.push_back(view);
      if (found->parts.size() == shared_.topology.arrivals[in_flight.feed][node_]) parts.swap(found->parts);
    });
    if (parts.empty()) return nullptr;
    std::sort(parts.begin(), parts.end(),
              [](const BatchView* a, const BatchView* b) { return a->ordinal < b->ordinal; });
    runtime::Status status = runtime::guarded([&] { join_parts(parts); });
    if (!status) {
      shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
      parts[0]->batch.records.clear();
    }
    for (std::size_t i = 1; i < parts.size(); ++i) shared_.recycle(parts[i]);
    return parts[0];
  }

  const Shared& shared_;
  const std::uint32_t node_;
};

}  // namespace pipec::graph
