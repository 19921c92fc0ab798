// The plan's shape, worked out once before the run: who feeds whom, and what a batch of each source visits.
#pragma once

#include <cstdint>
#include <vector>

#include "pipec/graph/plan.h"

namespace pipec::graph {

struct Topology {
  // An edge as the sender sees it. Parts of one batch that meet at a node are joined by `ordinal`.
  struct Edge {
    std::uint32_t to = 0;
    std::uint32_t ordinal = 0;  // among the edges into `to`, in the order of the plan
  };
  std::vector<std::vector<Edge>> edges;  // per node
  std::vector<std::uint32_t> sources;    // nodes, in the order of the plan
  std::vector<std::uint32_t> sinks;
  std::vector<std::uint32_t> sink_of;  // node -> index in sinks; only for sinks
  // Per source: how many parts of each of its batches arrive at a node (0: the node never sees this source).
  std::vector<std::vector<std::uint32_t>> arrivals;
  // Per source: the sinks and drops that its batches end in.
  std::vector<std::uint32_t> terminals;
  // Per source and node: the ends that are reached from the node, where a batch may be split there: no parts
  // of it are joined in the node or behind it. Else 0.
  std::vector<std::vector<std::uint32_t>> ends_behind;

  bool reaches(std::uint32_t source, std::uint32_t node) const { return arrivals[source][node] > 0; }
};

// An error where the plan cannot be run: no source, a loop, an edge to nowhere, a branch without an end, a
// node without what its kind needs.
runtime::Result<Topology> analyse(const Plan& plan);

}  // namespace pipec::graph
