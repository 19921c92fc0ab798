// The commit barrier: batches end here, in any order of their branches and in the total order of their
// numbers. Their bytes go back to the limiter as credit, and the positions that may be committed go to the
// committer, one commit at a time.
#pragma once

#include <functional>

#include "graph/ledger.h"
#include "graph/shared.h"
#include "graph/state/limiter.h"
#include "graph/state/mutant.h"

namespace pipec::graph {

class BarrierNode {
 public:
  // `idle`: called when the last awaited batch has left.
  BarrierNode(const Shared& shared, Wiring& wiring, Ledger& ledger, std::function<void()> idle);
  Input<BarrierCall> in;
  Output<LimiterCall> credit;
  Output<Commit*> commits;

 private:
  void take(const BarrierCall& call);
  void settle(InFlightBatch* in_flight);
  void send_commit();

  const Shared& shared_;
  Ledger& ledger_;
  const std::function<void()> idle_;
  Pool<Commit> kept_;
};

}  // namespace pipec::graph
