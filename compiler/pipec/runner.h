// Runs plans side by side until each has ended, with signals, progress and messages.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "compiler/pipec/arguments.h"
#include "compiler/pipec/console.h"
#include "compiler/pipec/signals.h"
#include "pipec/graph/pipeline.h"

namespace pipec::cli {

class Runner {
 public:
  struct Job {
    std::string prefix;  // prefix of its messages: "name: ", or empty
    std::unique_ptr<graph::Pipeline> pipeline;
    graph::Outcome outcome;
  };

  // Signals are handled from here on.
  Runner(Console& console, const Arguments& arguments);

  // False if the plan cannot be run; the reason has been reported. `checkpoint` may be null and must outlive
  // run().
  bool add(graph::Plan plan, runtime::CheckpointStore* checkpoint, std::string prefix);
  // Until every pipeline has ended.
  void run();
  // Says why runs failed; the summaries are the caller's. The exit status.
  int report();

  const std::deque<Job>& jobs() const { return jobs_; }

 private:
  void stop();
  graph::Progress progress();

  Console& console_;
  const Arguments& arguments_;
  std::mutex mutex_;  // guards the jobs while they are added: a signal may arrive then
  std::deque<Job> jobs_;
  // One memory limit for all jobs, however many there are.
  const std::shared_ptr<runtime::SharedGovernor> governor_ = std::make_shared<runtime::SharedGovernor>();
  bool stopping_ = false;
  bool writes_to_terminal_ = false;
  Signals signals_;  // the last member: its thread uses the others
};

}  // namespace pipec::cli
