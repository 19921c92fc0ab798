// The plan's shape, computed once before the run: the edges between nodes, and the nodes that a batch of each
// source visits.
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
  // Nodes that take batches one at a time, each with its own numbering: the sinks, then the ordered stages.
  std::vector<std::uint32_t> serial_places;
  std::vector<std::uint32_t> place_of;  // node -> index in serial_places; only for these
  // Nodes where a batch may begin: the sources, then the ordered stages, which emit their own records when
  // the input ends or time passes. In topological order.
  std::vector<std::uint32_t> feeds;
  // Per feed: how many parts of each of its batches arrive at a node (0: the node never sees this feed).
  std::vector<std::vector<std::uint32_t>> arrivals;
  // Per feed: the sinks and drops that its batches end in.
  std::vector<std::uint32_t> terminals;
  // Per feed and node: the number of ends reachable from the node, if a batch may be split there, that is, if
  // its parts are not joined in the node or downstream of it. Else 0.
  std::vector<std::vector<std::uint32_t>> ends_behind;

  bool reaches(std::uint32_t feed, std::uint32_t node) const { return arrivals[feed][node] > 0; }
  // Parts of one batch may have to be joined in front of the node.
  bool joins(std::uint32_t node) const;
};

// Fails if the plan cannot be run: no source, a loop, an edge to nowhere, a branch without an end, a node
// that lacks something its kind requires.
runtime::Result<Topology> analyse(const Plan& plan);

}  // namespace pipec::graph
