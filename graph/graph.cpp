#include "graph/graph.h"

namespace pipec::graph {

namespace {

std::deque<RecvNode> make_receivers(const Graph::Parts& parts, Wiring& wiring) {
  std::deque<RecvNode> receivers;
  for (std::uint32_t i = 0; i < parts.shared.topology.sources.size(); ++i) {
    receivers.emplace_back(parts.shared, wiring, i, parts.connectors, parts.admission, parts.governing);
  }
  return receivers;
}

}  // namespace

// The nodes are created in the order in which a batch reaches them.
Graph::Graph(const Parts& parts)
    : wiring_(make_wiring(parts.shared.threads)),
      limiter_(*wiring_, parts.limiter, parts.shared.topology.sources.size()),
      receivers_(make_receivers(parts, *wiring_)),
      branches_(parts.shared, *wiring_, parts.connectors),
      ends_(parts.shared, *wiring_),
      route_point_(parts.shared, *wiring_, parts.connectors.dead_letters()),
      barrier_(parts.shared, *wiring_, parts.ledger, parts.idle),
      committer_(parts.shared, *wiring_, parts.connectors, parts.keeper, parts.pause),
      commit_points_(*wiring_) {
  // limiter <-> recv -> read -> ... -> sink -> ends -> route point -> commit barrier <-> committer
  for (std::uint32_t i = 0; i < receivers_.size(); ++i) {
    limiter_.permits[i].connect(receivers_[i].in);
    receivers_[i].requests.connect(limiter_.in);
    receivers_[i].batches.connect(branches_.read(i));
  }
  branches_.connect(ends_);
  ends_.done.connect(route_point_.in);
  route_point_.settled.connect(barrier_.in);
  barrier_.commits.connect(committer_.in);
  committer_.ended.connect(barrier_.in);
  // ... and the credit back to the limiter
  barrier_.credit.connect(limiter_.in);

  branches_.connect(commit_points_);
  if (parts.shared.topology.serial_places.empty()) commit_points_.connect_route_point(route_point_.in);
  parts.admission.send_through(commit_points_);
  if (parts.shared.plan.commit == CommitMode::sink) route_point_.write_held_by(branches_.first_writer());
  if (parts.governing) {
    parts.governing->add_to(*wiring_);
    parts.governing->limits.connect(limiter_.in);
  }
}

}  // namespace pipec::graph
