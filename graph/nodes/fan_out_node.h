// Several edges behind a node: each branch gets a view of the batch of its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/shared.h"

namespace pipec::graph {

class FanOutNode {
 public:
  FanOutNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
      : in(add_node<Parcel*>(wiring, shared.plan.nodes[node].name, "fan-out", Wiring::Runs::at_once,
                             [this](Parcel* parcel) { take(parcel); })),
        shared_(shared),
        node_(node) {
    for (std::size_t i = 0; i < shared.topology.edges[node].size(); ++i) {
      branches.push_back({.out = add_port<Parcel*>(wiring, in)});
    }
  }
  Input<Parcel*> in;
  std::vector<Way> branches;

 private:
  void take(Parcel* parcel) {
    Delivery& delivery = *parcel->delivery;
    for (std::size_t i = 0; i + 1 < branches.size(); ++i) {
      Parcel* copy = shared_.new_parcel(delivery);
      copy->split = parcel->split;
      runtime::Status status = runtime::guarded([&] {
        copy->batch = parcel->batch;
        shared_.leases.note_outline(*copy);
      });
      if (!status) {
        copy->batch.records.clear();
        shared_.faults.fail_batch(delivery, std::move(status.error()), node_);
      }
      branches[i].send(shared_, copy);
    }
    branches.back().send(shared_, parcel);
  }

  const Shared& shared_;
  const std::uint32_t node_;
};

}  // namespace pipec::graph
