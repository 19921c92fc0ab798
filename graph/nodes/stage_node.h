// filter, parse, transform, and every other stage that needs no order: any number of batches at once.
#pragma once

#include <cstdint>

#include "graph/nodes/stage_visit.h"
#include "graph/shared.h"
#include "graph/state/scratch_pool.h"

namespace pipec::graph {

class StageNode {
 public:
  StageNode(const Shared& shared, Wiring& wiring, std::uint32_t node);
  Input<BatchView*> in;
  Way out;

  std::uint32_t node() const { return node_; }

 private:
  void take(BatchView* view);
  void run(BatchView& view);
  void split(BatchView& view, std::vector<runtime::Record>& rest, std::size_t buffers_before);

  const Shared& shared_;
  const std::uint32_t node_;
  ScratchPool scratch_;
};

}  // namespace pipec::graph
