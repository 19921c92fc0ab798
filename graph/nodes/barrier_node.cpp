#include "graph/nodes/barrier_node.h"

#include <utility>

namespace pipec::graph {

using runtime::Error;
using runtime::ErrorCode;

BarrierNode::BarrierNode(const Shared& shared, Wiring& wiring, Ledger& ledger, std::function<void()> idle)
    : in(add_node<BarrierCall>(wiring, "commit barrier", "commit barrier", Wiring::Runs::at_once,
                               [this](const BarrierCall& call) { take(call); })),
      credit(add_port<LimiterCall>(wiring, in, "credit")),
      commits(add_port<Commit*>(wiring, in, "commit")),
      shared_(shared),
      ledger_(ledger),
      idle_(std::move(idle)) {}

void BarrierNode::take(const BarrierCall& call) {
  if (call.settled) {
    settle(call.settled);
  } else {
    ledger_.end(*call.commit, call.end);
    *call.commit = {};
    kept_.put(call.commit);
    send_commit();
  }
}

void BarrierNode::settle(InFlightBatch* in_flight) {
  Faults& faults = shared_.faults;
  const bool done = faults.alive(*in_flight);
  if (!done && !faults.any()) {
    faults.fail_batch(*in_flight, Error::make(ErrorCode::internal, "a batch failed without an error"));
  }
  if (!in_flight->bare) {
    if (in_flight->block.use_count() == 1) in_flight->block->data = {};
    shared_.leases.note_settled(*in_flight);
    const LimiterCall back{.what = LimiterCall::What::credit, .bytes = in_flight->lease};
    if (done || !mutated(Mutant::leak_on_failure)) credit.send(back);
    if (mutated(Mutant::release_twice)) credit.send(back);
  }
  ledger_.settle(*in_flight, done, [&] { faults.out_of_resources(); });
  send_commit();
  in_flight->entries.clear();
  in_flight->letters.clear();
  shared_.pools.in_flight.put(in_flight);
  if (ledger_.leave()) idle_();
}

void BarrierNode::send_commit() {
  std::optional<Commit> next = ledger_.take();
  if (!next) return;
  Commit* commit = nullptr;
  shared_.faults.must([&] { commit = kept_.get(); });
  *commit = *std::move(next);
  commits.send(commit);
}

}  // namespace pipec::graph
