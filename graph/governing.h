// The governor of one run, on its own thread: its observations, its decisions, and metrics that others may
// read. The control law is in runtime::Governor.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "graph/connectors.h"
#include "graph/ledger.h"
#include "graph/shared.h"
#include "graph/state/gate.h"
#include "graph/state/limiter.h"
#include "pipec/graph/pipeline.h"
#include "pipec/runtime/governor.h"

namespace pipec::graph {

class Governing {
 public:
  Governing(const Shared& shared, Connectors& connectors, const Ledger& ledger,
            std::unique_ptr<runtime::Governor> governor);

  // Adds its node to the graph, which sends the budget to the limiter.
  void add_to(Wiring& wiring);
  Output<LimiterCall> limits;

  // Before the run: the first budget.
  runtime::Status start();
  Connectors::QueueLimits queue_limits() const;
  // The thread's body, until stop().
  void run();
  void stop();
  // The others may have its share.
  void leave() { governor_->leave(); }

  Gate& gate() { return gate_; }
  const Gate& gate() const { return gate_; }
  // The largest record that fits into memory; 0: unknown.
  std::size_t largest_record() const { return largest_record_; }
  // True if memory use, apart from `own` bytes, exceeds the limit while batches are in flight.
  bool too_much_beside(std::size_t own) const;
  // Waits for the next round.
  void have_it_look();

  struct Pauses {
    std::uint64_t count = 0;
    std::chrono::nanoseconds held{0};
    std::size_t least_budget = 0;
  };
  Pauses pauses() const;
  void add_metrics(std::vector<Metric>& all) const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  void look();
  void set_held(bool held, const std::string& reason);

  const Shared& shared_;
  Connectors& connectors_;
  const Ledger& ledger_;
  const std::unique_ptr<runtime::Governor> governor_;
  Gate gate_;
  std::size_t largest_record_ = 0;

  struct Figures {
    double level = 0;
    std::vector<runtime::PressureReading> pressures;
    Pauses pauses;
    Time held_since{};
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  bool look_now_ = false;
  std::uint64_t looks_ = 0;
  Figures figures_;
};

}  // namespace pipec::graph
