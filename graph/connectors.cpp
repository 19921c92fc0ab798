#include "graph/connectors.h"

#include "graph/shared.h"

namespace pipec::graph {

using runtime::guarded;
using runtime::Status;

Connectors::Connectors(const Shared& shared, StateKeeper& keeper, Leash& leash)
    : shared_(shared), keeper_(keeper), leash_(leash) {
  const Topology& topology = shared.topology;
  for (const std::uint32_t node : topology.sources) sources_.emplace_back().node = node;
  for (const std::uint32_t node : topology.sinks) sinks_.emplace_back().node = node;
  for (std::size_t i = topology.sinks.size(); i < topology.serial_places.size(); ++i)
    stages_.emplace_back().node = topology.serial_places[i];
}

bool Connectors::while_open(const std::function<void()>& call) const {
  const std::lock_guard lock(mutex_);
  if (open_) call();
  return open_;
}

void Connectors::interrupt_sources() {
  const std::lock_guard lock(mutex_);
  const auto interrupt = [&](const std::function<void()>& call, std::size_t place) {
    Status status = guarded(call);
    if (!status) shared_.faults.fail_source(shared_.faults.at(std::move(status.error()), place));
  };
  if (opening_.interrupt) interrupt(opening_.interrupt, opening_.place);
  if (!open_) return;
  for (const Source& source : sources_) interrupt([&] { source.receiver->interrupt(); }, source.node);
}

void Connectors::interrupt_sinks() {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  for (const End& end : sinks_) static_cast<void>(guarded([&] { end.sink->interrupt(); }));
  if (dead_letter_sink_) static_cast<void>(guarded([&] { dead_letter_sink_->interrupt(); }));
}

Status Connectors::for_each_sink(Activity::Call what, const EachSink& call) {
  const auto one = [&](runtime::Sink& sink, std::size_t place, const std::string& state_key) {
    Status status = shared_.faults.foreign(what, place, [&] { return call(sink, place, state_key); });
    return status ? std::move(status) : shared_.faults.at(std::move(status.error()), place);
  };
  for (const End& end : sinks_) {
    if (Status status = one(*end.sink, end.node, shared_.plan.nodes[end.node].state_key); !status)
      return status;
  }
  if (!dead_letter_sink_) return {};
  return one(*dead_letter_sink_, shared_.faults.route_place(), shared_.plan.dead_letters.state_key);
}

Connectors::Held Connectors::held() const {
  Held all;
  const auto ask = [&](std::size_t place, const auto& call) -> std::size_t {
    std::size_t bytes = 0;
    Status status = guarded([&] { bytes = call(); });
    if (!status) shared_.faults.fail_soon(std::move(status.error()), place);
    return bytes;
  };
  for (const Source& source : sources_) {
    if (source.receiver) all.queued += ask(source.node, [&] { return source.receiver->queued_bytes(); });
  }
  all.bytes = all.queued;
  for (const End& end : sinks_) {
    if (end.sink) all.bytes += ask(end.node, [&] { return end.sink->queued_bytes(); });
  }
  for (const Stateful& stage : stages_) {
    if (stage.stage) all.bytes += ask(stage.node, [&] { return stage.stage->held_bytes(); });
  }
  if (dead_letter_sink_) {
    all.bytes += ask(shared_.faults.route_place(), [&] { return dead_letter_sink_->queued_bytes(); });
  }
  return all;
}

std::size_t Connectors::queued_by(std::uint32_t source) const {
  std::size_t bytes = 0;
  Status status = guarded([&] { bytes = sources_[source].receiver->queued_bytes(); });
  if (!status) shared_.faults.fail_at(std::move(status.error()), sources_[source].node);
  return bytes;
}

// A sink that throws here counts as "no".
bool Connectors::any_sink(bool (runtime::Sink::*wants)() const) const {
  bool any = false;
  static_cast<void>(guarded([&] {
    for (const End& end : sinks_) any = any || (*end.sink.*wants)();
  }));
  return any;
}

bool Connectors::sinks_want_commit() const {
  return any_sink(&runtime::Sink::wants_commit);
}

bool Connectors::sinks_want_small_batches() const {
  // With `commit sink` nothing is kept for a commit.
  return shared_.plan.commit == CommitMode::automatic && any_sink(&runtime::Sink::wants_small_batches);
}

bool Connectors::stages_want_time() const {
  for (const Stateful& stage : stages_) {
    if (stage.stage->wants_time()) return true;
  }
  return false;
}

Status Connectors::finish(bool stopped) {
  if (!keeper_.keeps()) return {};
  runtime::StateEntries changes;
  if (keeps_state()) {
    Status finished =
        for_each_sink(Activity::Call::commit, [&](runtime::Sink& sink, std::size_t, const std::string& key) {
          runtime::StateEntries own;
          sink.finish(own);
          StateKeeper::add(key, std::move(own), changes);
          return Status();
        });
    if (!finished) return finished;
  }
  std::vector<std::string> keys;
  for (const runtime::StateEntry& entry : changes) {
    if (entry.value.empty()) keys.push_back(entry.key);
  }
  if (beginning_.emptied && !stopped) changes.push_back({StateKeeper::kAnew, {}});
  if (changes.empty()) return {};
  return keeper_.save([&](runtime::StateEntries& entries) {
    entries = std::move(changes);
    return keeper_.store()->add_finished(keys);
  });
}

// An error in it is the run's, unless there is one already.
void Connectors::close() {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  Faults& faults = shared_.faults;
  const auto close_one = [&](auto& connector, std::size_t place) {
    if (!connector) return;
    Status status = faults.foreign(Activity::Call::close, place, [&] { return connector->close(); });
    if (!status && !faults.any()) faults.fail_source(faults.at(std::move(status.error()), place));
  };
  for (const Source& source : sources_) close_one(source.receiver, source.node);
  for (const End& end : sinks_) close_one(end.sink, end.node);
  close_one(dead_letter_sink_, faults.route_place());
}

bool Connectors::keeps_state() const {
  return keeper_.keeps() && shared_.plan.commit == CommitMode::automatic;
}

}  // namespace pipec::graph
