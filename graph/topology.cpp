#include "graph/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

namespace pipec::graph {

namespace {

using runtime::Error;
using runtime::Status;
using Kind = Node::Kind;

Error bad_plan(const Node& node, std::string message) {
  return {"plan", std::move(message), node.name, node.place.to_string(), false};
}

bool ends_branch(Kind kind) {
  return kind == Kind::sink || kind == Kind::drop;
}

Status check_node(const Plan& plan, const Node& node) {
  if (ends_branch(node.kind) && !node.next.empty()) return bad_plan(node, "a sink cannot have a successor");
  if (!ends_branch(node.kind) && node.next.empty())
    return bad_plan(node, "the branch has no end: a sink or drop is missing");
  for (const std::uint32_t next : node.next) {
    if (next >= plan.nodes.size()) return bad_plan(node, "an edge leads to a node that does not exist");
    if (plan.nodes[next].kind == Kind::receive) return bad_plan(node, "an edge leads into a source");
  }
  if (node.kind == Kind::receive && !node.make_receiver) return bad_plan(node, "the source has no receiver");
  if (node.kind == Kind::sink && !node.make_sink) return bad_plan(node, "the sink has no destination");
  if (node.kind == Kind::stage && !node.stage) return bad_plan(node, "the stage does nothing");
  if (node.kind == Kind::ordered && !node.make_ordered) return bad_plan(node, "the stage does nothing");
  if (node.kind == Kind::ordered && plan.commit == CommitMode::sink) {
    return bad_plan(
        node,
        "a stage with state cannot be combined with 'commit sink': the sink chooses when positions commit");
  }
  if (node.kind == Kind::route && !node.router) return bad_plan(node, "the route has no router");
  return {};
}

// The owner's key distinguishes entries in the checkpoint, so no two owners may have the same key unless both
// declare it shared.
Status check_keys(const Plan& plan) {
  std::set<std::string> keys;
  for (const Node& node : plan.nodes) {
    if (node.state_key.empty()) continue;
    if (node.state_key.find('\t') != std::string::npos) return bad_plan(node, "the state key contains a tab");
    if (!keys.insert(node.state_key).second && !node.shares_state) {
      return bad_plan(node, fmt::format("two nodes have the state key '{}'", node.state_key));
    }
  }
  const std::string& dlq = plan.dead_letters.state_key;
  if (!dlq.empty() && keys.count(dlq) > 0 && !plan.dead_letters.shares_state) {
    return Error{"plan", fmt::format("two nodes have the state key '{}'", dlq), plan.dead_letters.name,
                 plan.dead_letters.place.to_string(), false};
  }
  return {};
}

// Nodes in an order in which every edge leads forward; shorter than the plan where there is a loop.
std::vector<std::uint32_t> sorted(const Plan& plan) {
  std::vector<std::uint32_t> open(plan.nodes.size(), 0);
  for (const Node& node : plan.nodes) {
    for (const std::uint32_t next : node.next) ++open[next];
  }
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < plan.nodes.size(); ++i) {
    if (open[i] == 0) order.push_back(i);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const std::uint32_t next : plan.nodes[order[i]].next) {
      if (--open[next] == 0) order.push_back(next);
    }
  }
  return order;
}

std::vector<std::uint32_t> ends_behind(const Plan& plan, const std::vector<std::uint32_t>& order,
                                       const std::vector<std::uint32_t>& arrivals) {
  std::vector<std::uint32_t> ends(plan.nodes.size(), 0);
  if (plan.commit == CommitMode::sink) return ends;  // its sink gets each batch once
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    if (arrivals[*node] != 1) continue;
    if (ends_branch(plan.nodes[*node].kind)) ends[*node] = 1;
    for (const std::uint32_t next : plan.nodes[*node].next) {
      if (ends[next] == 0) {
        ends[*node] = 0;
        break;
      }
      ends[*node] += ends[next];
    }
  }
  return ends;
}

}  // namespace

bool Topology::joins(std::uint32_t node) const {
  return std::any_of(arrivals.begin(), arrivals.end(), [&](const auto& parts) { return parts[node] > 1; });
}

runtime::Result<Topology> analyse(const Plan& plan) {
  Topology topology;
  for (const Node& node : plan.nodes) {
    if (Status status = check_node(plan, node); !status) return status.error();
  }
  if (Status status = check_keys(plan); !status) return status.error();
  const std::vector<std::uint32_t> order = sorted(plan);
  if (order.size() != plan.nodes.size()) return Error{"plan", "the plan has a loop", {}, {}, false};

  topology.edges.resize(plan.nodes.size());
  topology.place_of.resize(plan.nodes.size());
  std::vector<std::uint32_t> in(plan.nodes.size(), 0);
  for (std::uint32_t i = 0; i < plan.nodes.size(); ++i) {
    const Node& node = plan.nodes[i];
    for (const std::uint32_t next : node.next) topology.edges[i].push_back({next, in[next]++});
    if (node.kind == Kind::receive) topology.sources.push_back(i);
    if (node.kind == Kind::sink) topology.sinks.push_back(i);
  }
  topology.serial_places = topology.sinks;
  topology.feeds = topology.sources;
  for (const std::uint32_t i : order) {
    if (plan.nodes[i].kind != Kind::ordered) continue;
    topology.serial_places.push_back(i);
    topology.feeds.push_back(i);
  }
  for (std::uint32_t i = 0; i < topology.serial_places.size(); ++i)
    topology.place_of[topology.serial_places[i]] = i;
  if (topology.sources.empty()) return Error{"plan", "the plan has no source", {}, {}, false};
  if (plan.dead_letters.kind == DeadLetterPolicy::Kind::sink && !plan.dead_letters.make_sink) {
    return Error{"plan", "the dead letter route has no destination", plan.dead_letters.name,
                 plan.dead_letters.place.to_string(), false};
  }

  // A node joins the parts that meet in it and sends one on along each edge.
  for (const std::uint32_t feed : topology.feeds) {
    std::vector<std::uint32_t>& arrivals = topology.arrivals.emplace_back(plan.nodes.size(), 0);
    std::uint32_t terminals = 0;
    arrivals[feed] = 1;
    for (const std::uint32_t i : order) {
      if (arrivals[i] == 0) continue;
      if (ends_branch(plan.nodes[i].kind)) ++terminals;
      for (const std::uint32_t next : plan.nodes[i].next) ++arrivals[next];
    }
    topology.terminals.push_back(terminals);
    topology.ends_behind.push_back(ends_behind(plan, order, arrivals));
  }
  if (plan.commit == CommitMode::sink) {
    if (topology.sinks.size() != 1) {
      return Error{"plan",
                   fmt::format("'commit sink' needs exactly one sink, found {}", topology.sinks.size()),
                   {},
                   {},
                   false};
    }
    for (std::uint32_t s = 0; s < topology.sources.size(); ++s) {
      if (!topology.reaches(s, topology.sinks[0])) {
        return bad_plan(plan.nodes[topology.sources[s]],
                        "'commit sink' needs a path from every source to the sink");
      }
    }
  }
  return topology;
}

}  // namespace pipec::graph
