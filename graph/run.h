// One run of a plan: its parts, its threads, and how it ends.
//
// Threads: one per source, one that opens, commits and closes, a timer, the governor's if there is one, TBB's
// workers, and the one in run(), which sleeps. All of them may outlive run() if foreign code hangs past the
// deadline: the run is then kept alive until the process ends.
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

#include "graph/admission.h"
#include "graph/common.h"
#include "graph/connectors.h"
#include "graph/governing.h"
#include "graph/graph.h"
#include "graph/leash.h"
#include "graph/ledger.h"
#include "graph/phases.h"
#include "graph/state_keeper.h"
#include "graph/topology.h"
#include "graph/watchdog.h"
#include "pipec/graph/pipeline.h"
#include "pipec/graph/plan.h"

namespace pipec::graph {

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
  void add_node_metrics(std::vector<Metric>& all) const;
  std::vector<Watermark> committed() const;
  runtime::SharedGovernor::Shape shape() const;
  std::unique_ptr<Governing> make_governing();
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

  Common common_;
  const std::shared_ptr<Leash> leash_ = std::make_shared<Leash>();
  StateKeeper keeper_{common_.options.checkpoint};
  Ledger ledger_;
  Connectors connectors_{common_.shared, keeper_, *leash_};
  Admission admission_{common_.shared, connectors_, ledger_};
  const std::unique_ptr<Governing> governing_;                   // null: govern off
  std::shared_ptr<runtime::SharedGovernor::Member> ungoverned_;  // govern off, but the others count its bytes
  Watchdog watchdog_{common_.shared, ledger_};
  Phases phases_;
  Graph graph_;  // its workers use all the others
  std::vector<std::thread> threads_;
  std::chrono::steady_clock::time_point started_{};
};

}  // namespace pipec::graph
