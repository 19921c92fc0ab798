// Memory in flight. A batch's lease in the limiter follows the batch's memory: received bytes, stages'
// output, outlines, dead letters. The statistics of settled batches for the governor are kept here too.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "graph/in_flight.h"
#include "graph/state/gate.h"
#include "graph/state/limiter.h"
#include "graph/topology.h"
#include "pipec/graph/pipeline.h"
#include "pipec/runtime/arena.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/clock.h"

namespace pipec::graph {

class Leases {
 public:
  // `clock`: null without a governor; then only received bytes are counted.
  Leases(Limiter& limiter, const Plan& plan, const Topology& topology, const RunOptions& options,
         unsigned threads, std::size_t budget, bool governed);

  // The bytes that a source requests, and the credit it holds for them.
  struct Reservation {
    std::size_t bytes = 0;   // of one receive
    std::size_t charge = 0;  // of them
    std::size_t most = 0;    // bytes that would fit into the source's share of the budget
    bool probe = false;      // the first batch, which measures the stages' expansion
  };
  // `small`: a sink wants small batches.
  Reservation reservation(std::uint32_t source, bool small = false) const;
  std::size_t charge_of(std::uint32_t source, std::size_t bytes) const;
  std::size_t record_limit(std::size_t bytes) const;
  // Waits until the first batch of the source has measured the expansion; false: the run ends.
  bool wait_probed(std::uint32_t source) { return sources_[source].probed.wait(); }
  void no_more();  // no thread waits for it any more

  static std::size_t made_in(const runtime::Batch& batch, std::size_t buffers_before);
  std::size_t output_allowance(InFlightBatch& in_flight) const;
  void note_made(InFlightBatch& in_flight, std::size_t bytes);
  void note_freed(InFlightBatch& in_flight, std::size_t bytes);
  void note_outline(BatchView& view);
  void drop_outline(BatchView& view);
  void note_expansion(InFlightBatch& in_flight);
  void note_settled(const InFlightBatch& in_flight);

  void received(std::size_t bytes) { last_received_.store(bytes, std::memory_order_relaxed); }
  // Applies the governor's decision; budget 0: unchanged.
  void allow(std::size_t budget, std::size_t records);
  void bound_evaluation(const runtime::ArenaBounds& bounds) { evaluation_ = bounds; }  // before the run
  const runtime::ArenaBounds& evaluation() const { return evaluation_; }
  std::size_t budget() const { return budget_.load(std::memory_order_relaxed); }
  std::size_t last_received() const { return last_received_.load(std::memory_order_relaxed); }
  bool governed() const { return governed_; }
  // For WorkTimer: null if times are not measured.
  const runtime::Clock* clock() const { return governed_ ? options_.clock : nullptr; }
  Limiter& limiter() const { return limiter_; }

  struct Settled {
    std::uint64_t batches = 0, bytes = 0;
    double residence = 0, work = 0;  // seconds
  };
  Settled take_settled();

 private:
  struct Source {
    bool has_stages = false;  // that may expand a batch
    // Output bytes of the stages per input byte; below 0: unknown, a small first batch measures it.
    std::atomic<double> expansion{-1};
    Gate probed{false};
  };
  struct Sums {
    std::atomic<std::uint64_t> batches{0}, bytes{0}, residence{0}, work{0};  // nanoseconds
  };

  Limiter& limiter_;
  const RunOptions& options_;
  const unsigned threads_;
  const bool governed_;
  std::deque<Source> sources_;
  Sums settled_;
  runtime::ArenaBounds evaluation_;  // for the evaluation of one record
  std::atomic<std::size_t> budget_;
  std::atomic<std::size_t> most_records_{0};  // of one receive; 0: any number
  std::atomic<std::size_t> last_received_{0};
};

}  // namespace pipec::graph
