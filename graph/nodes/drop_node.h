// The end of a branch that goes nowhere: its records count as filtered.
#pragma once

#include <cstdint>

#include "graph/shared.h"

namespace pipec::graph {

class DropNode {
 public:
  DropNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
      : in(add_node<Parcel*>(wiring, shared.plan.nodes[node].name, "drop", Wiring::Runs::at_once,
                             [this](Parcel* parcel) { take(parcel); })),
        done(add_port<Parcel*>(wiring, in, "done")),
        shared_(shared) {}
  Input<Parcel*> in;
  Output<Parcel*> done;

 private:
  void take(Parcel* parcel) {
    Delivery& delivery = *parcel->delivery;
    shared_.leases.note_expansion(delivery);
    if (shared_.faults.alive(delivery)) {
      Counters::add(shared_.counters.records_filtered, parcel->batch.records.size());
    }
    done.send(parcel);
  }

  const Shared& shared_;
};

}  // namespace pipec::graph
