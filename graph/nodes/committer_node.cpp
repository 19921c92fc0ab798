#include "graph/nodes/committer_node.h"

#include <utility>

#include "graph/state/mutant.h"
#include "graph/state/retry.h"

namespace pipec::graph {

using runtime::guarded;
using runtime::StateEntries;
using runtime::Status;

CommitterNode::CommitterNode(const Shared& shared, Wiring& wiring, Connectors& connectors,
                             StateKeeper& keeper, Pause pause)
    : in(add_node<Commit*>(wiring, "committer", "committer", Wiring::Runs::own_thread,
                           [this](Commit* commit) {
                             const std::lock_guard lock(mutex_);
                             shared_.faults.must([&] { waiting_.push_back(commit); });
                             changed_.notify_one();
                           })),
      ended(add_port<BarrierCall>(wiring, in, "committed")),
      shared_(shared),
      connectors_(connectors),
      keeper_(keeper),
      pause_(std::move(pause)) {}

void CommitterNode::no_more() {
  const std::lock_guard lock(mutex_);
  no_more_ = true;
  changed_.notify_one();
}

// Null: no more commits.
Commit* CommitterNode::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !waiting_.empty() || no_more_; });
  if (waiting_.empty()) return nullptr;
  Commit* commit = waiting_.front();
  waiting_.pop_front();
  return commit;
}

void CommitterNode::run() {
  while (Commit* commit = next()) {
    const CommitEnd end = commit_one(*commit);
    if (shared_.faults.abandoned()) return;
    ended.hand_on({.commit = commit, .end = end});
    if (end == CommitEnd::refused) shared_.faults.end();
  }
}

CommitEnd CommitterNode::commit_one(const Commit& next) {
  Status status = guarded([&] { return commit(next); });
  if (status) return CommitEnd::done;
  if (shared_.plan.transactional && status.error().code == runtime::kRewound) return CommitEnd::rewound;
  if (!shared_.faults.abandoned()) shared_.faults.fail_all(std::move(status.error()));
  return CommitEnd::refused;
}

Status CommitterNode::commit(const Commit& commit) {
  const auto over = [&] { return shared_.faults.abandoned(); };
  // Sinks first, so that nothing is acknowledged that is not durable.
  if (!mutated(Mutant::commit_before_sync)) {
    if (Status status = sync_sinks(); !status || over()) return status;
  }
  if (keeper_.keeps()) {
    if (Status status = save(commit); !status || over()) return status;
  }
  if (Status status = tell_sources(commit); !status || over()) return status;
  if (mutated(Mutant::commit_before_sync)) return sync_sinks();
  Counters::add(shared_.counters.commits, 1);
  return {};
}

Status CommitterNode::sync_sinks() {
  const auto sync = [&](runtime::Sink& sink, std::size_t place) {
    Status status = retry(place, [&] {
      return shared_.faults.foreign(Activity::Call::sync, place, [&] { return sink.sync(); });
    });
    return status ? std::move(status) : shared_.faults.at(std::move(status.error()), place);
  };
  for (const Connectors::End& end : connectors_.sinks()) {
    if (Status status = sync(*end.sink, end.node); !status) return status;
  }
  if (!connectors_.dead_letters() || mutated(Mutant::commit_before_dead_letters)) return {};
  return sync(*connectors_.dead_letters(), shared_.faults.route_place());
}

Status CommitterNode::save(const Commit& commit) {
  StateEntries positions;
  for (const SourceRanges& own : commit.sources) {
    const Connectors::Source& source = connectors_.sources()[own.source];
    StateEntries described;
    Status status = guarded([&] { source.receiver->describe(own.ranges, described); });
    if (!status) return shared_.faults.at(std::move(status.error()), source.node);
    StateKeeper::add(shared_.plan.nodes[source.node].state_key, std::move(described), positions);
  }
  return keeper_.save([&](StateEntries& entries) -> Status {
    entries = commit.entries;
    if (Status added = keeper_.store()->add_finished(let_go(entries)); !added) return added;
    entries.insert(entries.end(), positions.begin(), positions.end());
    return {};
  });
}

Status CommitterNode::tell_sources(const Commit& commit) {
  for (const SourceRanges& own : commit.sources) {
    const Connectors::Source& source = connectors_.sources()[own.source];
    std::vector<runtime::PositionRange> ranges = own.ranges;
    if (mutated(Mutant::count_outputs)) {
      for (runtime::PositionRange& range : ranges) range.end = range.first + shared_.counters.records_out;
    }
    Status status = retry(source.node, [&] {
      return shared_.faults.foreign(Activity::Call::commit, source.node,
                                    [&] { return source.receiver->commit(ranges); });
    });
    if (shared_.faults.abandoned()) return {};
    if (!status) return shared_.faults.at(std::move(status.error()), source.node);
  }
  return {};
}

// Keeps removed entries that their sinks use again, and returns the keys of the others. The store's lock is
// held, so entries that a sink saves from now on follow this commit.
std::vector<std::string> CommitterNode::let_go(StateEntries& entries) {
  std::vector<std::string> finished;
  for (runtime::StateEntry& entry : entries) {
    if (!entry.value.empty()) continue;
    [[maybe_unused]] const Status asked = connectors_.for_each_sink(
        Activity::Call::commit,
        [&](runtime::Sink& sink, std::size_t, const std::string& state_key) -> Status {
          const std::string prefix = StateKeeper::prefix(state_key);
          if (entry.key.size() <= prefix.size() || !entry.key.starts_with(prefix)) return {};
          if (auto kept = sink.kept_entry(entry.key.substr(prefix.size()))) entry.value = *std::move(kept);
          return {};
        });
    if (entry.value.empty() && belongs_to_sink(entry.key)) finished.push_back(entry.key);
  }
  return finished;
}

// An entry removed from a stage's state is not a finished file.
bool CommitterNode::belongs_to_sink(const std::string& key) const {
  for (const Connectors::Stateful& stage : connectors_.stages()) {
    if (key.starts_with(StateKeeper::prefix(shared_.plan.nodes[stage.node].state_key))) return false;
  }
  return true;
}

// Waits between attempts here, on the committing thread; the deadline cuts the waits short.
Status CommitterNode::retry(std::size_t place, const std::function<Status()>& attempt) {
  Backoff backoff(shared_.options.retry);
  for (;;) {
    Status status = attempt();
    if (status || !status.error().retriable || shared_.faults.abandoned()) return status;
    const std::optional<std::chrono::milliseconds> wait = backoff.next();
    if (!wait) return status;
    Counters::add(shared_.nodes[place].retries, 1);
    if (!pause_(*wait)) return status;
  }
}

}  // namespace pipec::graph
