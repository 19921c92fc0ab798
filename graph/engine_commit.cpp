// The committing thread: sinks durable, then the checkpoint, then the sources. One commit at a time.
#include "graph/engine.h"
#include "graph/mutant.h"

namespace pipec::graph {

using runtime::StateEntries;
using runtime::Status;

void Engine::commit_loop() {
  for (;;) {
    std::optional<Commit> next;
    {
      std::unique_lock lock(barrier_mutex_);
      barrier_changed_.wait(lock, [&] { return barrier_.ready() || no_more_batches_; });
      next = barrier_.take();
    }
    if (!next) break;
    Status status = guarded([&] { return commit(*next); });
    if (abandoned_.load()) return;
    {
      const std::lock_guard lock(barrier_mutex_);
      transaction_ending_ = false;
      transaction_ended_.notify_all();
      if (status) {
        barrier_.committed();
        // For the outcome only.
        static_cast<void>(guarded([&] { note_committed(*next); }));
      } else if (plan_.transactional && status.error().code == runtime::kRewound) {
        barrier_.committed();
        status = {};
      } else {
        barrier_.refused();
      }
    }
    if (!status) {
      failure_.fail_all(std::move(status.error()));
      end_early();
    }
  }
  if (failure_.any()) return;
  Status status = finish();
  if (!status && !abandoned_.load()) failure_.fail_all(std::move(status.error()));
}

Status Engine::commit(const Commit& commit) {
  // Sinks first, so that nothing is acknowledged that is not durable.
  const auto sync_all = [&]() -> Status {
    for (SinkEnd& end : sinks_) {
      Status status =
          retry([&] { return foreign(Activity::Call::sync, end.node, [&] { return end.sink->sync(); }); });
      if (!status) return at_node(std::move(status.error()), end.node);
    }
    if (dead_letter_sink_ && !mutated(Mutant::commit_before_dead_letters)) {
      Status status = retry([&] {
        return foreign(Activity::Call::sync, route_place(), [&] { return dead_letter_sink_->sync(); });
      });
      if (!status) return at_dead_letter_route(std::move(status.error()));
    }
    return {};
  };
  if (!mutated(Mutant::commit_before_sync)) {
    if (Status status = sync_all(); !status || abandoned_.load()) return status;
  }
  if (options_.checkpoint) {
    StateEntries positions;
    for (const SourceRanges& own : commit.sources) {
      const Source& source = sources_[own.source];
      StateEntries described;
      Status status = guarded([&] { source.receiver->describe(own.ranges, described); });
      if (!status) return at_node(std::move(status.error()), source.node);
      add_entries(plan_.nodes[source.node].state_key, std::move(described), positions);
    }
    // The store is the caller's: once run() has given up it may be gone.
    const std::lock_guard lock(outside_);
    if (abandoned_.load()) return {};
    Status status = guarded([&]() -> Status {
      StateEntries entries = commit.entries;
      if (Status added = options_.checkpoint->add_finished(let_go(entries)); !added) return added;
      entries.insert(entries.end(), positions.begin(), positions.end());
      return options_.checkpoint->save(entries);
    });
    if (!status) return status;
  }
  for (const SourceRanges& own : commit.sources) {
    const Source& source = sources_[own.source];
    std::vector<runtime::PositionRange> ranges = own.ranges;
    if (mutated(Mutant::count_outputs)) {
      for (runtime::PositionRange& range : ranges) range.end = range.first + counters_.records_out;
    }
    Status status = retry([&] {
      return foreign(Activity::Call::commit, source.node, [&] { return source.receiver->commit(ranges); });
    });
    if (abandoned_.load()) return {};
    if (!status) return at_node(std::move(status.error()), source.node);
  }
  if (mutated(Mutant::commit_before_sync)) return sync_all();
  counters_.commits.fetch_add(1, std::memory_order_relaxed);
  return {};
}

// Removed entries whose sinks have begun to use them again stay. The others' keys. outside_ is held, so that
// what a sink announces from now on comes behind this commit.
std::vector<std::string> Engine::let_go(StateEntries& entries) {
  std::vector<std::string> finished;
  for (runtime::StateEntry& entry : entries) {
    if (!entry.value.empty()) continue;
    [[maybe_unused]] const Status asked = for_each_sink(
        Activity::Call::commit, [&](runtime::Sink& sink, const std::string& state_key) -> Status {
          const std::size_t own = state_key.size() + 1;
          if (entry.key.size() <= own || !entry.key.starts_with(state_key) || entry.key[own - 1] != '\t')
            return {};
          if (auto kept = sink.kept_entry(entry.key.substr(own))) entry.value = *std::move(kept);
          return {};
        });
    if (entry.value.empty()) finished.push_back(entry.key);
  }
  return finished;
}

// Waits between attempts here, on the committing thread; the deadline cuts the waits short.
Status Engine::retry(const std::function<Status()>& attempt) {
  Backoff backoff(options_.retry);
  for (;;) {
    Status status = attempt();
    if (status || !status.error().retriable || abandoned_.load()) return status;
    const std::optional<Milliseconds> wait = backoff.next();
    if (!wait) return status;
    std::unique_lock lock(state_);
    state_changed_.wait_for(lock, *wait, [&] { return deadline_passed_; });
    if (deadline_passed_) return status;
  }
}

// barrier_mutex_ is held.
void Engine::note_committed(const Commit& commit) {
  for (const SourceRanges& own : commit.sources) {
    for (const runtime::PositionRange& range : own.ranges) committed_[{own.source, range.partition}] = range;
  }
}

}  // namespace pipec::graph
