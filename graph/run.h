// One run of a plan: its parts, its threads, and how it ends.
//
// Threads: one per source, one that opens, commits and closes, a timer, the governor's where there is one,
// TBB's workers, and the one in run(), which sleeps. All of them may outlive run() if foreign code hangs past
// the deadline: the run is then kept alive for ever.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "graph/graph.h"
#include "graph/leash.h"
#include "graph/phases.h"
#include "graph/shared.h"
#include "graph/topology.h"
#include "pipec/graph/pipeline.h"
#include "pipec/graph/plan.h"

namespace pipec::graph {

// What a run is made of; the order is that of their making.
struct RunParts {
  RunParts(Plan plan, Topology topology, RunOptions options);

  const Plan plan;
  const Topology topology;
  BorrowedClock clock;
  const RunOptions options;  // its clock is `clock`
  const unsigned threads;
  Pools pools;
  Faults faults{plan, pools.buffers};
  Counters counters;
  Timer timer;
  Log log{options.log};
  const std::shared_ptr<Leash> leash = std::make_shared<Leash>();
  StateKeeper keeper{options.checkpoint};
  Ledger ledger;
  Limiter limiter;
  Leases leases;
  const Shared shared;
  Connectors connectors{shared, keeper, *leash};
  Admission admission{shared, connectors, ledger};
  std::unique_ptr<Governing> governing;                         // null: govern off
  std::shared_ptr<runtime::SharedGovernor::Member> ungoverned;  // govern off, but the others count its bytes

 private:
  runtime::SharedGovernor::Shape shape() const;
};

class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(Plan plan, Topology topology, RunOptions options);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Once.
  Outcome run();
  void stop();
  Progress progress();
  std::vector<Metric> metrics();
  const Picture& picture() const { return graph_.picture(); }

 private:
  bool run_to_end();
  void open_and_commit() noexcept;
  runtime::Status open();
  bool start_threads();
  bool start_timer_tasks();
  bool start_thread(std::function<void()> body);
  void end_early();
  void past_deadline();
  void abandon();
  void tick();
  void publish_use();
  Outcome outcome() const;

  RunParts parts_;
  Phases phases_;
  Graph graph_;
  std::vector<std::thread> threads_;
  std::chrono::steady_clock::time_point started_{};
};

}  // namespace pipec::graph
