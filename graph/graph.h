// The graph of one run: a node for each box of the picture in docs/design.md, an edge for each arrow.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "graph/admission.h"
#include "graph/branches.h"
#include "graph/connectors.h"
#include "graph/governing.h"
#include "graph/ledger.h"
#include "graph/nodes/barrier_node.h"
#include "graph/nodes/commit_points_node.h"
#include "graph/nodes/committer_node.h"
#include "graph/nodes/ends_node.h"
#include "graph/nodes/limiter_node.h"
#include "graph/nodes/recv_node.h"
#include "graph/nodes/route_point_node.h"
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
    Governing* governing;  // null: `govern off`
    std::function<void()> idle;
    CommitterNode::Pause pause;
  };
  explicit Graph(const Parts& parts);

  std::deque<RecvNode>& receivers() { return receivers_; }
  CommitterNode& committer() { return committer_; }
  // Until nothing is queued or running.
  void wait() { wiring_->wait(); }
  const Picture& picture() const { return wiring_->picture(); }

 private:
  const std::unique_ptr<Wiring> wiring_;
  LimiterNode limiter_;
  std::deque<RecvNode> receivers_;
  Branches branches_;
  EndsNode ends_;
  RoutePointNode route_point_;
  BarrierNode barrier_;
  CommitterNode committer_;
  CommitPointsNode commit_points_;
};

}  // namespace pipec::graph
