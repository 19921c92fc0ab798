// In front of a node that a batch reaches along several branches: the last part to arrive goes on, with the
// records of all, in source order.
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
      : in(add_node<Parcel*>(wiring, shared.plan.nodes[node].name, "join", Wiring::Runs::at_once,
                             [this](Parcel* parcel) { take(parcel); })),
        out{.out = add_port<Parcel*>(wiring, in)},
        shared_(shared),
        node_(node) {}
  Input<Parcel*> in;
  Way out;

 private:
  void take(Parcel* parcel) {
    const Delivery& delivery = *parcel->delivery;
    if (shared_.topology.arrivals[delivery.feed][node_] > 1) parcel = join(parcel);
    if (parcel) out.send(shared_, parcel);
  }

  // Null: more parts are on their way.
  Parcel* join(Parcel* parcel) {
    Delivery& delivery = *parcel->delivery;
    std::vector<Parcel*> parts;
    shared_.faults.must([&] {
      const std::lock_guard lock(delivery.mutex);
      auto found = std::find_if(delivery.joins.begin(), delivery.joins.end(),
                                [&](const Delivery::Join& join) { return join.node == node_; });
      if (found == delivery.joins.end()) found = delivery.joins.insert(found, {node_, {}});
      found->parts.push_back(parcel);
      if (found->parts.size() == shared_.topology.arrivals[delivery.feed][node_]) parts.swap(found->parts);
    });
    if (parts.empty()) return nullptr;
    std::sort(parts.begin(), parts.end(),
              [](const Parcel* a, const Parcel* b) { return a->ordinal < b->ordinal; });
    runtime::Status status = runtime::guarded([&] { join_parts(parts); });
    if (!status) {
      shared_.faults.fail_batch(delivery, std::move(status.error()), node_);
      parts[0]->batch.records.clear();
    }
    for (std::size_t i = 1; i < parts.size(); ++i) shared_.recycle(parts[i]);
    return parts[0];
  }

  const Shared& shared_;
  const std::uint32_t node_;
};

}  // namespace pipec::graph
