#include "graph/graph.h"

#include <algorithm>
#include <utility>

namespace pipec::graph {

using Kind = Node::Kind;

namespace {

bool reads_outline(const Node& node) {
  if (node.kind == Kind::stage) return node.stage->reads_outline();
  return node.kind == Kind::route && node.router->reads_outline();
}

}  // namespace

Graph::Graph(const Parts& parts)
    : shared_(parts.shared),
      wiring_(make_wiring(parts.shared.threads)),
      limiter_(*wiring_, parts.limiter, parts.shared.topology.sources.size()) {
  const Topology& topology = shared_.topology;
  const auto nodes = static_cast<std::uint32_t>(shared_.plan.nodes.size());
  entries_.resize(nodes);
  outs_.resize(nodes);

  // limiter <-> recv -> read
  for (std::uint32_t i = 0; i < topology.sources.size(); ++i) {
    RecvNode& recv =
        receivers_.emplace_back(shared_, *wiring_, i, parts.connectors, parts.admission, parts.governing);
    ReadNode& read = reads_.emplace_back(shared_, *wiring_, topology.sources[i]);
    limiter_.permits[i].connect(recv.in);
    recv.requests.connect(limiter_.in);
    recv.batches.connect(read.in);
    outs_[topology.sources[i]] = &read.out;
  }

  // -> stages, routes -> sinks
  for (std::uint32_t i = 0; i < nodes; ++i) add_stage(i);
  for (const Connectors::Stateful& stage : parts.connectors.stages()) {
    OrderedNode& node = ordered_.emplace_back(shared_, *wiring_, stage.node, stage.stage);
    entries_[stage.node] = node.in;
    outs_[stage.node] = &node.out;
  }
  for (const Connectors::End& end : parts.connectors.sinks()) {
    entries_[end.node] = sinks_.emplace_back(shared_, *wiring_, end.node, end.sink).in;
  }
  for (std::uint32_t i = 0; i < nodes; ++i) join_in_front_of(i);
  for (std::uint32_t i = 0; i < nodes; ++i) connect_behind(i);

  // -> ends -> route point -> commit barrier -> committer, and the credit back to the limiter
  ends_.emplace(shared_, *wiring_);
  route_point_.emplace(shared_, *wiring_, parts.connectors.dead_letters());
  barrier_.emplace(shared_, *wiring_, parts.ledger, parts.idle);
  committer_.emplace(shared_, *wiring_, parts.connectors, parts.keeper, parts.pause);
  connect_ends();
  ends_->done.connect(route_point_->in);
  route_point_->settled.connect(barrier_->in);
  barrier_->credit.connect(limiter_.in);
  barrier_->commits.connect(committer_->in);
  committer_->ended.connect(barrier_->in);
  if (shared_.plan.commit == CommitMode::sink) route_point_->write_held_by(sinks_.front().writer());

  // beside them: commit points, and the governor
  commit_points_.emplace(*wiring_);
  for (const SinkNode& sink : sinks_) commit_points_->connect_place(sink.in);
  for (const OrderedNode& stage : ordered_) commit_points_->connect_place(stage.apply);
  if (topology.serial_places.empty()) commit_points_->connect_route_point(route_point_->in);
  parts.admission.send_through(*commit_points_);
  if (parts.governing) {
    parts.governing->add_to(*wiring_);
    parts.governing->limits.connect(limiter_.in);
  }
}

void Graph::add_stage(std::uint32_t i) {
  switch (shared_.plan.nodes[i].kind) {
    case Kind::stage: {
      StageNode& stage = stages_.emplace_back(shared_, *wiring_, i);
      entries_[i] = stage.in;
      outs_[i] = &stage.out;
      break;
    }
    case Kind::route:
      entries_[i] = routes_.emplace_back(shared_, *wiring_, i).in;
      break;
    case Kind::drop:
      entries_[i] = drops_.emplace_back(shared_, *wiring_, i).in;
      break;
    case Kind::merge: {
      JoinNode& join = joins_.emplace_back(shared_, *wiring_, i);
      entries_[i] = join.in;
      outs_[i] = &join.out;
      break;
    }
    case Kind::receive:
    case Kind::ordered:
    case Kind::sink:
      break;
  }
}

void Graph::join_in_front_of(std::uint32_t i) {
  if (!shared_.topology.joins(i) || shared_.plan.nodes[i].kind == Kind::merge) return;
  JoinNode& join = joins_.emplace_back(shared_, *wiring_, i);
  join.out.out.connect(entries_[i]);
  entries_[i] = join.in;
}

// Several edges: a fan-out in between. A route has an arm for each.
void Graph::connect_behind(std::uint32_t i) {
  const std::vector<Topology::Edge>& edges = shared_.topology.edges[i];
  if (shared_.plan.nodes[i].kind == Kind::route) {
    RouteNode& route = *std::find_if(routes_.begin(), routes_.end(),
                                     [&](const RouteNode& each) { return each.node() == i; });
    for (std::size_t arm = 0; arm < edges.size(); ++arm) connect_to(route.arms[arm], edges[arm]);
    return;
  }
  if (!outs_[i]) return;
  if (edges.size() == 1) {
    connect_to(*outs_[i], edges[0]);
    return;
  }
  FanOutNode& fan_out = fan_outs_.emplace_back(shared_, *wiring_, i);
  outs_[i]->out.connect(fan_out.in);
  for (std::size_t branch = 0; branch < edges.size(); ++branch) {
    connect_to(fan_out.branches[branch], edges[branch]);
    outs_[i]->outline |= fan_out.branches[branch].outline;
  }
}

void Graph::connect_to(Way& way, const Topology::Edge& edge) {
  way.ordinal = edge.ordinal;
  way.outline = reads_outline(shared_.plan.nodes[edge.to]) && !shared_.topology.joins(edge.to);
  way.out.connect(entries_[edge.to]);
}

void Graph::connect_ends() {
  for (SinkNode& sink : sinks_) {
    sink.done.connect(ends_->in);
    sink.completed_done.connect(ends_->in);
  }
  for (DropNode& drop : drops_) drop.done.connect(ends_->in);
  for (OrderedNode& stage : ordered_) stage.done.connect(ends_->in);
  for (StageNode& stage : stages_) {
    const auto may_split = [&](const std::vector<std::uint32_t>& ends) { return ends[stage.node()] != 0; };
    const auto& all = shared_.topology.ends_behind;
    if (std::any_of(all.begin(), all.end(), may_split)) ends_->send_rest_to(*wiring_, stage.node(), stage.in);
  }
}

}  // namespace pipec::graph
