// Making, opening and beginning.
#include <algorithm>
#include <string>
#include <vector>

#include "graph/connectors.h"

namespace pipec::graph {

using runtime::Error;
using runtime::ErrorCode;
using runtime::Result;
using runtime::StateEntries;
using runtime::StateEntry;
using runtime::Status;

namespace {

// Values of StateKeeper::kAnew: nothing is emptied yet; all known files are emptied, and the run has not
// ended yet.
constexpr const char* kEmpty = "empty";
constexpr const char* kEmptied = "emptied";

}  // namespace

Status Connectors::open(const std::function<bool()>& stopping) {
  opening_.stopping = stopping;
  services_.clock = shared_.options.clock;
  services_.log = [this, leash = leash_.share()](const std::string& line) {
    if (const auto running = leash->hold()) shared_.log.line(line);
  };
  beginning_ = beginning();
  if (Status made = make_all(); !made) return made;
  if (Status opened = open_all(); !opened) return opened;
  if (Status begun = begin(); !begun) return begun;
  if (Status said = say_notes(); !said) return said;
  const std::lock_guard lock(mutex_);
  open_ = true;
  return {};
}

template <typename Part, typename Make>
Status Connectors::make_part(std::unique_ptr<Part>& to, std::size_t place, const char* what,
                             const Make& make) {
  Status status = shared_.faults.foreign(Activity::Call::open, place, [&]() -> Status {
    Result<std::unique_ptr<Part>> made = make(services_);
    if (!made) return std::move(made.error());
    if (!*made) return Error::make(ErrorCode::plan, std::string("its factory returned no ") + what);
    to = std::move(*made);
    return {};
  });
  return status ? std::move(status) : shared_.faults.at(std::move(status.error()), place);
}

template <typename Open>
Status Connectors::open_part(std::size_t place, std::function<void()> interrupt, const Open& open) {
  Status status = shared_.faults.foreign(Activity::Call::open, place, [&]() -> Status {
    {
      const std::lock_guard lock(mutex_);
      if (opening_.stopping()) return Error::make(ErrorCode::stopped, "stopped before it was opened");
      opening_.place = place;
      opening_.interrupt = std::move(interrupt);
    }
    return open();
  });
  {
    const std::lock_guard lock(mutex_);
    opening_.interrupt = nullptr;
  }
  return status ? std::move(status) : shared_.faults.at(std::move(status.error()), place);
}

Status Connectors::make_all() {
  const std::vector<Node>& nodes = shared_.plan.nodes;
  for (End& end : sinks_) {
    if (Status made = make_part(end.sink, end.node, "sink", nodes[end.node].make_sink); !made) return made;
  }
  const DeadLetterPolicy& route = shared_.plan.dead_letters;
  if (route.kind == DeadLetterPolicy::Kind::sink) {
    Status made = make_part(dead_letter_sink_, shared_.faults.route_place(), "sink", route.make_sink);
    if (!made) return made;
  }
  for (Stateful& stage : stages_) {
    Status made = make_part(stage.stage, stage.node, "stage", nodes[stage.node].make_ordered);
    if (!made) return made;
  }
  for (Source& source : sources_) {
    Status made = make_part(source.receiver, source.node, "receiver", nodes[source.node].make_receiver);
    if (!made) return made;
  }
  return {};
}

// Checks everything and changes no existing data.
Status Connectors::open_all() {
  const auto open_one = [&](runtime::Sink& sink, std::size_t place, const std::string& state_key) {
    return open_part(
        place, [&sink] { sink.interrupt(); }, [&] { return open_sink(sink, state_key); });
  };
  for (const End& end : sinks_) {
    Status opened = open_one(*end.sink, end.node, shared_.plan.nodes[end.node].state_key);
    if (!opened) return opened;
  }
  if (dead_letter_sink_) {
    Status opened =
        open_one(*dead_letter_sink_, shared_.faults.route_place(), shared_.plan.dead_letters.state_key);
    if (!opened) return opened;
  }
  for (const Stateful& stage : stages_) {
    if (Status opened = open_part(stage.node, {}, [&] { return open_stage(stage); }); !opened) return opened;
  }
  for (const Source& source : sources_) {
    runtime::Receiver& receiver = *source.receiver;
    Status opened = open_part(
        source.node, [&receiver] { receiver.interrupt(); },
        [&] {
          receiver.keep_commit_trigger([want = want_commit_, leash = leash_.share()] {
            if (const auto running = leash->hold()) want();
          });
          if (queue_limits_.receiver != 0) receiver.keep_queue_limit(queue_limits_.receiver);
          return open_receiver(source);
        });
    if (!opened) return opened;
  }
  return {};
}

Status Connectors::open_sink(runtime::Sink& sink, const std::string& state_key) {
  // F4: a sink announces a file that no checkpoint knows before its first byte, from write() or sync().
  if (keeps_state()) {
    sink.keep_ahead([this, state_key, leash = leash_.share()](const StateEntries& own) -> Status {
      const auto running = leash->hold();
      if (!running) return Error::make(ErrorCode::deadline, "the run is over");
      return keeper_.save([&](StateEntries& changes) {
        StateKeeper::add(state_key, StateEntries(own), changes);
        return Status();
      });
    });
  }
  if (queue_limits_.sink != 0) sink.keep_queue_limit(queue_limits_.sink);
  sink.keep_beginning(beginning_);
  return sink.open(keeper_.saved(state_key));
}

// With `commit sink` the sink's transaction says where to resume.
Status Connectors::open_receiver(const Source& source) {
  const Node& node = shared_.plan.nodes[source.node];
  if (shared_.options.from_start) return source.receiver->open({});
  if (shared_.plan.commit != CommitMode::sink) return source.receiver->open(keeper_.saved(node.state_key));
  StateEntries saved;
  const End& end = sinks_.front();
  Status status = shared_.faults.foreign(Activity::Call::open, end.node,
                                         [&] { return end.sink->saved_positions(node.name, saved); });
  if (!status) return shared_.faults.at(std::move(status.error()), end.node);
  return source.receiver->open(saved);
}

// S7: rejects state that was saved under different settings of the stage.
Status Connectors::open_stage(const Stateful& stage) {
  if (shared_.options.from_start) return stage.stage->open({});
  const Node& node = shared_.plan.nodes[stage.node];
  StateEntries saved = keeper_.saved(node.state_key);
  const auto meaning = std::find_if(
      saved.begin(), saved.end(), [](const StateEntry& entry) { return entry.key == StateKeeper::kMeaning; });
  if (meaning != saved.end()) {
    if (meaning->value != node.meaning) {
      return Error::make(ErrorCode::state, "its state was kept for " + meaning->value + ", and it is " +
                                               node.meaning +
                                               " now: change it back, or start over with --from-start");
    }
    saved.erase(meaning);
  }
  return stage.stage->open(saved);
}

runtime::Beginning Connectors::beginning() const {
  const std::string come = keeper_.saved_value(StateKeeper::kAnew);
  runtime::Beginning result;
  result.empty = shared_.options.truncate || come == kEmpty;
  result.anew = shared_.options.from_start || result.empty;
  result.emptied = result.empty || (come == kEmptied && !shared_.options.from_start);
  if (keeper_.keeps()) {
    // The keys of any sink: keys of other kinds cannot be mistaken for those of its files.
    result.finished = [store = keeper_.store()](const std::function<void(std::string_view)>& each) {
      return store->read_finished([&](std::string_view key) {
        if (const std::string_view own = StateKeeper::own_key(key); !own.empty()) each(own);
      });
    };
  }
  return result;
}

// F13: called when everything is open. If the run starts over, that intention is made durable before anything
// is emptied, and kept until that is done. Then the sinks truncate, empty and create files as needed, and
// their entries are durable before the first record arrives.
Status Connectors::begin() {
  StateEntries changes;
  runtime::CheckpointStore* const store = keeper_.store();
  if (store && shared_.options.from_start) {
    std::vector<std::string> kept;
    for (const End& end : sinks_) kept.push_back(StateKeeper::prefix(shared_.plan.nodes[end.node].state_key));
    if (dead_letter_sink_) kept.push_back(StateKeeper::prefix(shared_.plan.dead_letters.state_key));
    for (const StateEntry& entry : store->entries()) {
      const auto keeps = [&](const std::string& prefix) { return entry.key.starts_with(prefix); };
      if (std::none_of(kept.begin(), kept.end(), keeps)) changes.push_back({entry.key, {}});
    }
    if (beginning_.empty) changes.push_back({StateKeeper::kAnew, kEmpty});
    if (!changes.empty()) {
      if (Status saved = store->save(changes); !saved) return saved;
    }
    changes.clear();
  }
  Status begun =
      for_each_sink(Activity::Call::open, [&](runtime::Sink& sink, std::size_t, const std::string& key) {
        StateEntries own;
        Status status = sink.begin(own);
        if (keeps_state()) StateKeeper::add(key, std::move(own), changes);
        return status;
      });
  if (!begun || !store) return begun;
  if (beginning_.empty) {
    if (Status cleared = store->clear_finished(); !cleared) return cleared;
    changes.push_back({StateKeeper::kAnew, kEmptied});
  } else {
    std::vector<std::string> finished;
    for (const StateEntry& entry : changes) {
      if (entry.value.empty()) finished.push_back(entry.key);
    }
    if (Status added = store->add_finished(finished); !added) return added;
  }
  return changes.empty() ? Status() : store->save(changes);
}

Status Connectors::say_notes() {
  Status noted =
      for_each_sink(Activity::Call::open, [&](runtime::Sink& sink, std::size_t, const std::string&) {
        if (const std::string note = sink.resume_note(); !note.empty()) shared_.log.line(note);
        return Status();
      });
  if (!noted) return noted;
  for (const Source& source : sources_) {
    Status said = shared_.faults.foreign(Activity::Call::open, source.node, [&] {
      if (const std::string note = source.receiver->resume_note(); !note.empty()) shared_.log.line(note);
    });
    if (!said) return shared_.faults.at(std::move(said.error()), source.node);
  }
  return {};
}

}  // namespace pipec::graph
