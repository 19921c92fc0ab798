// Batches that no source sends. At a commit point, an empty batch visits every sink and ordered stage, so
// that each snapshots its state. A stage that releases records it holds gets a batch for them.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/shared.h"

namespace pipec::graph {

class CommitPointsNode {
 public:
  explicit CommitPointsNode(Wiring& wiring)
      : wiring_(wiring),
        in_(add_node<InFlightBatch*>(wiring, "commit points", "commit points", Wiring::Runs::own_thread,
                                     [](InFlightBatch*) {})) {}

  // In the order of Topology::serial_places.
  void connect_place(const Input<BatchView*>& place) {
    places_.push_back(add_port<BatchView*>(wiring_, in_, "visit"));
    places_.back().connect(place);
  }
  // Used if there are no serial places.
  void connect_route_point(const Input<InFlightBatch*>& route_point) {
    route_point_ = add_port<InFlightBatch*>(wiring_, in_, "visit");
    route_point_.connect(route_point);
  }

  // From any thread.
  void visit(std::uint32_t place, BatchView* view) const { places_[place].hand_on(view); }
  void pass(InFlightBatch* in_flight) const { route_point_.hand_on(in_flight); }

 private:
  Wiring& wiring_;
  const Input<InFlightBatch*> in_;
  std::vector<Output<BatchView*>> places_;
  Output<InFlightBatch*> route_point_;
};

}  // namespace pipec::graph
