// recv: a source's own thread. It requests credit from the limiter, waits for the permit, receives, and sends
// the batch into the graph.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "graph/admission.h"
#include "graph/connectors.h"
#include "graph/leases.h"
#include "graph/shared.h"
#include "graph/state/limiter.h"

namespace pipec::graph {

class Governing;

class RecvNode {
 public:
  // `source`: its number among the sources. `governing`: null without a governor.
  RecvNode(const Shared& shared, Wiring& wiring, std::uint32_t source, const Connectors& connectors,
           Admission& admission, Governing* governing);
  Input<Permit> in;
  Output<BatchView*> batches;
  Output<LimiterCall> requests;

  // The thread's body: until the end of the input, or of the run.
  void run() noexcept;
  // The run ends: a rest between two receives is cut short.
  void wake();

 private:
  // How a source got past the gate.
  enum class Pass : std::uint8_t {
    open,
    alone,  // held, to hand out its own queue: nothing else may be in flight
    none,   // the run ends
  };
  runtime::Status receive_all();
  Pass pass_gate();
  bool still_passes(Pass pass) const;
  bool too_much_memory() const;
  bool ask(std::size_t bytes, bool alone, bool rest = false);
  void give_back(std::size_t bytes) const;
  runtime::Result<runtime::Received> receive(InFlightBatch& in_flight, const Leases::Reservation& reserved);
  bool is_more_than_asked(const runtime::Block& block, const Leases::Reservation& reserved) const;
  void send_parts(std::shared_ptr<runtime::Block> block);
  void send(InFlightBatch& in_flight, std::size_t bytes, std::size_t lease);
  void rest(std::chrono::steady_clock::time_point asked);

  const Shared& shared_;
  const std::uint32_t source_;
  const std::uint32_t node_;
  const Connectors& connectors_;
  Admission& admission_;
  Governing* const governing_;
  std::chrono::milliseconds rest_{0};  // after the next receive that returns nothing immediately

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Permit> permit_;
};

}  // namespace pipec::graph
