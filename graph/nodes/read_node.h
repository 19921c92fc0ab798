// The first node after a source: a worker reads the bytes that the source left in place, and creates the
// records.
#pragma once

#include <cstdint>

#include "graph/shared.h"

namespace pipec::graph {

class ReadNode {
 public:
  ReadNode(const Shared& shared, Wiring& wiring, std::uint32_t node);
  Input<BatchView*> in;
  Way out;

 private:
  void take(BatchView* view);
  void read(InFlightBatch& in_flight);
  void make_records(BatchView& view);
  void take_rejected(BatchView& view);

  const Shared& shared_;
  const std::uint32_t node_;
};

}  // namespace pipec::graph
