// The committer, on its own thread: syncs the sinks, saves the checkpoint, then notifies the sources. It
// reports the result to the barrier.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "graph/connectors.h"
#include "graph/nodes/barrier_node.h"
#include "graph/shared.h"
#include "graph/state_keeper.h"

namespace pipec::graph {

class CommitterNode {
 public:
  // `pause`: sleeps, and returns whether there is still time to retry.
  using Pause = std::function<bool(std::chrono::milliseconds)>;
  CommitterNode(const Shared& shared, Wiring& wiring, Connectors& connectors, StateKeeper& keeper,
                Pause pause);
  Input<Commit*> in;
  Output<BarrierCall> ended;

  // The thread's body; returns after no_more(), when all is committed, or when the run was given up.
  void run();
  // No batch is in flight any more.
  void no_more();

 private:
  Commit* next();
  CommitEnd commit_one(const Commit& commit);
  runtime::Status commit(const Commit& commit);
  runtime::Status sync_sinks();
  runtime::Status save(const Commit& commit);
  runtime::Status tell_sources(const Commit& commit);
  std::vector<std::string> let_go(runtime::StateEntries& entries);
  bool belongs_to_sink(const std::string& key) const;
  runtime::Status retry(std::size_t place, const std::function<runtime::Status()>& attempt);

  const Shared& shared_;
  Connectors& connectors_;
  StateKeeper& keeper_;
  const Pause pause_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Commit*> waiting_;  // at most one, except with a mutant
  bool no_more_ = false;
};

}  // namespace pipec::graph
