// The graph of one run: a node for each box of the picture in docs/design.md, an edge for each arrow. It is
// built from the plan, top to bottom as a batch goes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "graph/admission.h"
#include "graph/connectors.h"
#include "graph/governing.h"
#include "graph/ledger.h"
#include "graph/nodes/barrier_node.h"
#include "graph/nodes/commit_points_node.h"
#include "graph/nodes/committer_node.h"
#include "graph/nodes/drop_node.h"
#include "graph/nodes/ends_node.h"
#include "graph/nodes/fan_out_node.h"
#include "graph/nodes/join_node.h"
#include "graph/nodes/limiter_node.h"
#include "graph/nodes/ordered_node.h"
#include "graph/nodes/read_node.h"
#include "graph/nodes/recv_node.h"
#include "graph/nodes/route_node.h"
#include "graph/nodes/route_point_node.h"
#include "graph/nodes/sink_node.h"
#include "graph/nodes/stage_node.h"
#include "graph/shared.h"
#include "graph/state_keeper.h"
#include "graph/wiring.h"

namespace pipec::graph {

class Graph {
 public:
  // The parts of a run that its nodes are shells around.
  struct Parts {
    const Shared& shared;
    Limiter& limiter;
    Ledger& ledger;
    Connectors& connectors;
    Admission& admission;
    StateKeeper& keeper;
    Governing* governing;  // null: nobody governs
    std::function<void()> idle;
    CommitterNode::Pause pause;
  };
  explicit Graph(const Parts& parts);

  std::deque<RecvNode>& receivers() { return receivers_; }
  CommitterNode& committer() { return *committer_; }
  // Until nothing is queued or running.
  void wait() { wiring_->wait(); }
  const Picture& picture() const { return wiring_->picture(); }

 private:
  void add_stage(std::uint32_t node);
  void join_in_front_of(std::uint32_t node);
  void connect_behind(std::uint32_t node);
  void connect_to(Way& way, const Topology::Edge& edge);
  void connect_ends();

  const Shared& shared_;
  const std::unique_ptr<Wiring> wiring_;
  LimiterNode limiter_;
  std::deque<RecvNode> receivers_;
  std::deque<ReadNode> reads_;
  std::deque<JoinNode> joins_;
  std::deque<FanOutNode> fan_outs_;
  std::deque<StageNode> stages_;
  std::deque<OrderedNode> ordered_;
  std::deque<RouteNode> routes_;
  std::deque<SinkNode> sinks_;
  std::deque<DropNode> drops_;
  std::optional<EndsNode> ends_;
  std::optional<RoutePointNode> route_point_;
  std::optional<BarrierNode> barrier_;
  std::optional<CommitterNode> committer_;
  std::optional<CommitPointsNode> commit_points_;
  // Of each node of the plan: its input, or that of the join in front of it; and where it sends on.
  std::vector<Input<Parcel*>> entries_;
  std::vector<Way*> outs_;  // null: it is an end, or a route
};

}  // namespace pipec::graph
