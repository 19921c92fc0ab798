// The plan's own nodes and the edges between them: from received batches to the sinks and drops.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "graph/connectors.h"
#include "graph/nodes/commit_points_node.h"
#include "graph/nodes/drop_node.h"
#include "graph/nodes/ends_node.h"
#include "graph/nodes/fan_out_node.h"
#include "graph/nodes/join_node.h"
#include "graph/nodes/ordered_node.h"
#include "graph/nodes/read_node.h"
#include "graph/nodes/route_node.h"
#include "graph/nodes/sink_node.h"
#include "graph/nodes/stage_node.h"
#include "graph/shared.h"
#include "graph/wiring.h"

namespace pipec::graph {

class Branches {
 public:
  Branches(const Shared& shared, Wiring& wiring, const Connectors& connectors);

  // The input for batches received by this source.
  const Input<BatchView*>& read(std::uint32_t source) const { return reads_[source].in; }
  // The end of all branches, which also sends back the unprocessed rest of a split batch.
  void connect(EndsNode& ends);
  // The serial places, in the order of Topology::serial_places.
  void connect(CommitPointsNode& commit_points) const;
  // `commit sink`: the one sink's.
  SinkWriter& first_writer() { return sinks_.front().writer(); }

 private:
  void add_stage(std::uint32_t node);
  void join_in_front_of(std::uint32_t node);
  void connect_behind(std::uint32_t node);
  void connect_to(Way& way, const Topology::Edge& edge) const;

  const Shared& shared_;
  Wiring& wiring_;
  std::deque<ReadNode> reads_;
  std::deque<JoinNode> joins_;
  std::deque<FanOutNode> fan_outs_;
  std::deque<StageNode> stages_;
  std::deque<OrderedNode> ordered_;
  std::deque<RouteNode> routes_;
  std::deque<SinkNode> sinks_;
  std::deque<DropNode> drops_;
  // Of each node of the plan: its input, or that of the join in front of it; and where it sends on.
  std::vector<Input<BatchView*>> entries_;
  std::vector<std::vector<Way*>> outs_;  // one for each arm of a route, none of an end
};

}  // namespace pipec::graph
