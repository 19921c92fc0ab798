// The route point of dead letters: one batch at a time, in the total order. Dead letters are written before
// the commit barrier, or a sink that commits itself, receives the batch (P7).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "graph/ledger.h"
#include "graph/nodes/sink_writer.h"
#include "graph/shared.h"
#include "graph/state/retry.h"
#include "graph/state/sequencer.h"

namespace pipec::graph {

class RoutePointNode {
 public:
  // `sink` is set when the run opens; null: the policy is another one. `held`: writes the batches of
  // `commit sink`; null: there is none.
  RoutePointNode(const Shared& shared, Wiring& wiring, const std::unique_ptr<runtime::Sink>& sink);
  Input<InFlightBatch*> in;
  Output<BarrierCall> settled;
  Output<InFlightBatch*> again;  // to itself: the suspended batch
  void write_held_by(SinkWriter& writer) { held_ = &writer; }

 private:
  using Wait = std::optional<std::chrono::milliseconds>;
  void take(InFlightBatch* in_flight);
  bool attempt(InFlightBatch* in_flight);
  Wait pass(InFlightBatch& in_flight);
  Wait route(InFlightBatch& in_flight);
  Wait write(InFlightBatch& in_flight);
  runtime::Status write_letters(InFlightBatch& in_flight);
  runtime::Status call_with_letters(InFlightBatch& in_flight);
  void reject(InFlightBatch& in_flight);
  void take_snapshot(InFlightBatch& in_flight);

  const Shared& shared_;
  const std::unique_ptr<runtime::Sink>& sink_;
  SinkWriter* held_ = nullptr;
  Backoff backoff_;
  Sequencer<InFlightBatch*> order_;
  InFlightBatch* suspended_ = nullptr;
  std::size_t letters_written_ = 0;  // of the suspended batch
};

}  // namespace pipec::graph
