// Where all branches of a batch end. Behind the last one the batch goes to the route point; a part of a batch
// lets the stage that stopped in its middle go on with the rest.
#pragma once

#include <map>

#include "graph/shared.h"

namespace pipec::graph {

class EndsNode {
 public:
  EndsNode(const Shared& shared, Wiring& wiring)
      : in(add_node<Parcel*>(wiring, "ends", "ends", Wiring::Runs::at_once,
                             [this](Parcel* parcel) { take(parcel); })),
        done(add_port<Delivery*>(wiring, in, "batch")),
        shared_(shared) {}
  Input<Parcel*> in;
  Output<Delivery*> done;

  // A stage that may leave the rest of a batch for later.
  void send_rest_to(Wiring& wiring, std::uint32_t node, const Input<Parcel*>& stage) {
    const auto rest = rests_.emplace(node, add_port<Parcel*>(wiring, in, "rest")).first;
    rest->second.connect(stage);
  }

 private:
  void take(Parcel* parcel) {
    Delivery* delivery = parcel->delivery;
    Split* const split = parcel->split;
    // With `commit sink` the sink's parcel waits in the delivery for the route point.
    if (parcel != delivery->held) shared_.recycle(parcel);
    if (split) {
      if (split->ends.fetch_sub(1, std::memory_order_acq_rel) == 1) go_on(split);
      return;
    }
    if (!delivery->branches.report()) return;
    // Only dead letters still need the bytes.
    if (!delivery->held && delivery->letters.empty() && !delivery->bare && delivery->block.use_count() == 1) {
      delivery->block->data = {};
    }
    shared_.faults.must([&] { done.send(delivery); });
  }

  // The part has come out at all its ends, and what it held is free.
  void go_on(Split* split) {
    Parcel* const rest = split->rest;
    const std::uint32_t node = split->node;
    rest->split = split->outer;
    shared_.leases.note_freed(*rest->delivery, split->made);
    shared_.pools.splits.put(split);
    shared_.faults.must([&] { rests_.at(node).send(rest); });
  }

  const Shared& shared_;
  std::map<std::uint32_t, Output<Parcel*>> rests_;
};

}  // namespace pipec::graph
