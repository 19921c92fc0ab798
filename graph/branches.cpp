#include "graph/branches.h"

#include <algorithm>

namespace pipec::graph {

using Kind = Node::Kind;

namespace {

bool reads_outline(const Node& node) {
  if (node.kind == Kind::stage) return node.stage->reads_outline();
  return node.kind == Kind::route && node.router->reads_outline();
}

}  // namespace

Branches::Branches(const Shared& shared, Wiring& wiring, const Connectors& connectors)
    : shared_(shared), wiring_(wiring), entries_(shared.plan.nodes.size()), outs_(shared.plan.nodes.size()) {
  const auto nodes = static_cast<std::uint32_t>(shared.plan.nodes.size());
  for (const std::uint32_t source : shared.topology.sources) {
    outs_[source] = {&reads_.emplace_back(shared, wiring, source).out};
  }
  for (std::uint32_t i = 0; i < nodes; ++i) add_stage(i);
  for (const Connectors::Stateful& stage : connectors.stages()) {
    OrderedNode& node = ordered_.emplace_back(shared, wiring, stage.node, stage.stage);
    entries_[stage.node] = node.in;
    outs_[stage.node] = {&node.out};
  }
  for (const Connectors::End& end : connectors.sinks()) {
    entries_[end.node] = sinks_.emplace_back(shared, wiring, end.node, end.sink).in;
  }
  for (std::uint32_t i = 0; i < nodes; ++i) join_in_front_of(i);
  for (std::uint32_t i = 0; i < nodes; ++i) connect_behind(i);
}

void Branches::add_stage(std::uint32_t i) {
  switch (shared_.plan.nodes[i].kind) {
    case Kind::stage: {
      StageNode& stage = stages_.emplace_back(shared_, wiring_, i);
      entries_[i] = stage.in;
      outs_[i] = {&stage.out};
      break;
    }
    case Kind::route: {
      RouteNode& route = routes_.emplace_back(shared_, wiring_, i);
      entries_[i] = route.in;
      for (Way& arm : route.arms) outs_[i].push_back(&arm);
      break;
    }
    case Kind::drop:
      entries_[i] = drops_.emplace_back(shared_, wiring_, i).in;
      break;
    case Kind::merge: {
      JoinNode& join = joins_.emplace_back(shared_, wiring_, i);
      entries_[i] = join.in;
      outs_[i] = {&join.out};
      break;
    }
    case Kind::receive:
    case Kind::ordered:
    case Kind::sink:
      break;
  }
}

void Branches::join_in_front_of(std::uint32_t i) {
  if (!shared_.topology.joins(i) || shared_.plan.nodes[i].kind == Kind::merge) return;
  JoinNode& join = joins_.emplace_back(shared_, wiring_, i);
  join.out.out.connect(entries_[i]);
  entries_[i] = join.in;
}

// Connects a node to its successors. A node with one output and several edges gets a fan-out in between.
void Branches::connect_behind(std::uint32_t i) {
  const std::vector<Topology::Edge>& edges = shared_.topology.edges[i];
  const std::vector<Way*>& ways = outs_[i];
  if (ways.size() == edges.size()) {
    for (std::size_t way = 0; way < ways.size(); ++way) connect_to(*ways[way], edges[way]);
    return;
  }
  FanOutNode& fan_out = fan_outs_.emplace_back(shared_, wiring_, i);
  Way& way = *ways.front();
  way.out.connect(fan_out.in);
  for (std::size_t branch = 0; branch < edges.size(); ++branch) {
    connect_to(fan_out.branches[branch], edges[branch]);
    way.outline |= fan_out.branches[branch].outline;
  }
}

void Branches::connect_to(Way& way, const Topology::Edge& edge) const {
  way.ordinal = edge.ordinal;
  way.outline = reads_outline(shared_.plan.nodes[edge.to]) && !shared_.topology.joins(edge.to);
  way.out.connect(entries_[edge.to]);
}

void Branches::connect(EndsNode& ends) {
  for (SinkNode& sink : sinks_) {
    sink.done.connect(ends.in);
    sink.completed_done.connect(ends.in);
  }
  for (DropNode& drop : drops_) drop.done.connect(ends.in);
  for (OrderedNode& stage : ordered_) stage.done.connect(ends.in);
  for (StageNode& stage : stages_) {
    const auto may_split = [&](const std::vector<std::uint32_t>& behind) {
      return behind[stage.node()] != 0;
    };
    const auto& all = shared_.topology.ends_behind;
    if (std::any_of(all.begin(), all.end(), may_split)) ends.send_rest_to(wiring_, stage.node(), stage.in);
  }
}

void Branches::connect(CommitPointsNode& commit_points) const {
  for (const SinkNode& sink : sinks_) commit_points.connect_place(sink.in);
  for (const OrderedNode& stage : ordered_) commit_points.connect_place(stage.apply);
}

}  // namespace pipec::graph
