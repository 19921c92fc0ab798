// route: each record of a batch goes into one arm, and every arm gets its own view, empty or not.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/nodes/stage_visit.h"
#include "graph/shared.h"
#include "graph/state/scratch_pool.h"

namespace pipec::graph {

class RouteNode {
 public:
  RouteNode(const Shared& shared, Wiring& wiring, std::uint32_t node);
  Input<BatchView*> in;
  std::vector<Way> arms;

  std::uint32_t node() const { return node_; }

 private:
  void take(BatchView* view);
  bool choose(BatchView& view, std::vector<runtime::Batch>& into);

  const Shared& shared_;
  const std::uint32_t node_;
  ScratchPool scratch_;
  Pool<std::vector<runtime::Batch>> kept_;
};

}  // namespace pipec::graph
