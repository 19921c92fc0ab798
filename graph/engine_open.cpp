// Making and opening what the plan names, beginning, finishing, and closing it.
#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>

#include "graph/cpus.h"
#include "graph/engine.h"
#include "graph/guarded.h"

namespace pipec::graph {

using runtime::Error;
using runtime::Result;
using runtime::StateEntries;
using runtime::StateEntry;
using runtime::Status;

namespace {

// Between an owner's key and its own in the checkpoint; no state key holds one.
constexpr char kKeyEnd = '\t';

// The checkpoint's own entry: how far a run with --truncate has come (kEmpty: everything is still to be
// emptied; kEmptied: what was known is, and the run has not come to its end yet).
constexpr const char* kAnew = "anew";
constexpr const char* kEmpty = "empty";
constexpr const char* kEmptied = "emptied";

constexpr std::size_t kReceiversPart = 4;
constexpr std::size_t kSinksPart = 8;
constexpr std::size_t kUngovernedBudget = std::size_t{8} << 20;

// Batches in flight: enough that no worker ever waits for the next, few enough that their buffers stay in the
// cache. Twice the sources come on top, each of which holds one while it waits for data.
std::size_t most_batches(unsigned threads, std::size_t sources) {
  return std::size_t{4} * threads + 4 + 2 * sources;
}

RunOptions with_clock(RunOptions options, const runtime::Clock& clock) {
  options.clock = &clock;
  return options;
}

}  // namespace

Engine::Engine(Plan plan, Topology topology, RunOptions options)
    : plan_(std::move(plan)),
      topology_(std::move(topology)),
      clock_(options.clock),
      options_(with_clock(std::move(options), clock_)),
      threads_(options_.threads != 0 ? options_.threads : usable_cpus()),
      fixed_budget_(options_.budget_bytes.value_or(kUngovernedBudget)),
      buffers_(2 * most_batches(threads_, topology_.sources.size())),
      limiter_(fixed_budget_, most_batches(threads_, topology_.sources.size())),
      activity_(plan_.nodes.size() + 1),
      budget_(fixed_budget_) {
  const runtime::GovernSettings& settings = options_.govern ? *options_.govern : plan_.govern;
  if (!settings.on) {
    if (options_.governor) ungoverned_ = options_.governor->join(shape());
    return;
  }
  const std::size_t most = options_.budget_bytes.value_or(std::numeric_limits<std::size_t>::max());
  const auto shared = options_.governor ? options_.governor : std::make_shared<runtime::SharedGovernor>();
  governor_ = std::make_unique<runtime::Governor>(settings, most, shared, shape());
  governor_->keep_release([this] { buffers_.trim(); });
}

StateEntries Engine::saved_entries(const std::string& state_key) const {
  StateEntries own;
  if (!options_.checkpoint) return own;
  const std::string prefix = state_key + kKeyEnd;
  for (const StateEntry& entry : options_.checkpoint->entries()) {
    if (entry.key.compare(0, prefix.size(), prefix) != 0) continue;
    own.push_back({entry.key.substr(prefix.size()), entry.value});
  }
  return own;
}

// F4: a sink announces a file that no checkpoint knows before its first byte, from write() or sync().
void Engine::let_save_ahead(runtime::Sink& sink, const std::string& state_key) {
  if (!keeps_state()) return;
  sink.keep_ahead([this, state_key, leash = leash_](const StateEntries& own) -> Status {
    const auto running = leash->hold();
    if (!running) return Error{"deadline", "the run is over", {}, {}, false};
    StateEntries entries;
    add_entries(state_key, StateEntries(own), entries);
    const std::lock_guard lock(outside_);
    if (abandoned_.load()) return Error{"deadline", "the run is over", {}, {}, false};
    return options_.checkpoint->save(entries);
  });
}

void Engine::add_entries(const std::string& state_key, StateEntries&& own, StateEntries& to) {
  for (StateEntry& entry : own) to.push_back({state_key + kKeyEnd + entry.key, std::move(entry.value)});
}

// G10: queues of client libraries are part of what the limit is for. A quarter of it is for what receivers
// read ahead, an eighth for what waits in sinks to be sent; the budget of records is another quarter at most.
std::size_t Engine::queue_share(std::size_t part, std::size_t among) const {
  return governor_ ? governor_->limit() / part / std::max<std::size_t>(among, 1) : 0;
}

runtime::SharedGovernor::Shape Engine::shape() const {
  const bool has_route = plan_.dead_letters.kind == DeadLetterPolicy::Kind::sink;
  return {0, threads_, topology_.sources.size(), topology_.sinks.size() + (has_route ? 1 : 0)};
}

Status Engine::open_sink(runtime::Sink& sink, const std::string& state_key) {
  let_save_ahead(sink, state_key);
  const std::size_t share = queue_share(kSinksPart, governor_ ? governor_->shape().sinks : 1);
  if (share != 0) sink.keep_queue_limit(share);
  sink.keep_beginning(beginning_);
  return sink.open(saved_entries(state_key));
}

Status Engine::open_receiver(runtime::Receiver& receiver, const std::string& state_key) {
  receiver.keep_commit_trigger([this, leash = leash_] {
    if (const auto running = leash->hold()) want_commit();
  });
  const std::size_t share = queue_share(kReceiversPart, governor_ ? governor_->shape().receivers : 1);
  if (share != 0) receiver.keep_queue_limit(share);
  return receiver.open(options_.from_start ? StateEntries() : saved_entries(state_key));
}

template <typename Connector, typename Make>
Status Engine::make_end(std::unique_ptr<Connector>& to, std::size_t place, const Make& make) {
  Status status = foreign(Activity::Call::open, place, [&]() -> Status {
    Result<std::unique_ptr<Connector>> made = make();
    if (!made) return std::move(made.error());
    if (!*made) {
      const bool receives = std::is_same_v<Connector, runtime::Receiver>;
      return Error{
          "plan", std::string("its factory gave no ") + (receives ? "receiver" : "sink"), {}, {}, false};
    }
    to = std::move(*made);
    return {};
  });
  return status ? std::move(status) : at_node(std::move(status.error()), place);
}

template <typename Connector, typename Open>
Status Engine::open_end(Connector& connector, std::size_t place, const Open& open) {
  Status status = foreign(Activity::Call::open, place, [&]() -> Status {
    {
      const std::lock_guard lock(state_);
      if (stopping_.load()) return Error{"stopped", "stopped before it was opened", {}, {}, false};
      opening_ = place;
      interrupt_opening_ = [&connector] { connector.interrupt(); };
    }
    return open();
  });
  {
    const std::lock_guard lock(state_);
    interrupt_opening_ = nullptr;
  }
  return status ? std::move(status) : at_node(std::move(status.error()), place);
}

Status Engine::for_each_sink(
    Activity::Call what, const std::function<Status(runtime::Sink&, const std::string& state_key)>& call) {
  const auto one = [&](runtime::Sink& sink, std::size_t place, const std::string& state_key) {
    Status status = foreign(what, place, [&] { return call(sink, state_key); });
    return status ? std::move(status) : at_node(std::move(status.error()), place);
  };
  for (SinkEnd& end : sinks_) {
    if (Status status = one(*end.sink, end.node, plan_.nodes[end.node].state_key); !status) return status;
  }
  if (!dead_letter_sink_) return {};
  return one(*dead_letter_sink_, route_place(), plan_.dead_letters.state_key);
}

Status Engine::make_ends() {
  for (const std::uint32_t node : topology_.sinks) {
    SinkEnd& end = sinks_.emplace_back();
    end.node = node;
    if (Status made = make_end(end.sink, node, plan_.nodes[node].make_sink); !made) return made;
  }
  if (plan_.dead_letters.kind == DeadLetterPolicy::Kind::sink) {
    Status made = make_end(dead_letter_sink_, route_place(), plan_.dead_letters.make_sink);
    if (!made) return made;
  }
  for (const std::uint32_t node : topology_.sources) {
    Source& source = sources_.emplace_back();
    source.node = node;
    for (std::uint32_t i = 0; i < plan_.nodes.size(); ++i) {
      const bool reached = topology_.reaches(static_cast<std::uint32_t>(sources_.size() - 1), i);
      if (reached && plan_.nodes[i].kind == Node::Kind::stage) source.has_stages = true;
    }
    Status made = make_end(source.receiver, node, plan_.nodes[node].make_receiver);
    if (!made) return made;
  }
  return {};
}

// Checks everything and changes nothing that is there.
Status Engine::open_ends() {
  for (SinkEnd& end : sinks_) {
    Status opened =
        open_end(*end.sink, end.node, [&] { return open_sink(*end.sink, plan_.nodes[end.node].state_key); });
    if (!opened) return opened;
  }
  if (dead_letter_sink_) {
    Status opened = open_end(*dead_letter_sink_, route_place(),
                             [&] { return open_sink(*dead_letter_sink_, plan_.dead_letters.state_key); });
    if (!opened) return opened;
  }
  for (Source& source : sources_) {
    Status opened = open_end(*source.receiver, source.node, [&] {
      return open_receiver(*source.receiver, plan_.nodes[source.node].state_key);
    });
    if (!opened) return opened;
  }
  return {};
}

runtime::Beginning Engine::beginning() const {
  std::string come;
  if (options_.checkpoint) {
    for (const StateEntry& entry : options_.checkpoint->entries()) {
      if (entry.key == kAnew) come = entry.value;
    }
  }
  runtime::Beginning result;
  result.empty = options_.truncate || come == kEmpty;
  result.anew = options_.from_start || result.empty;
  result.emptied = result.empty || (come == kEmptied && !options_.from_start);
  return result;
}

// F13: everything is open. The intention to begin anew is durable before anything is emptied, and stays until
// that is done; then the sinks cut back, empty and make what has to be, and what they say of it is durable
// before the first record comes.
Status Engine::begin() {
  StateEntries changes;
  if (options_.checkpoint && options_.from_start) {
    std::vector<std::string> kept;
    [[maybe_unused]] const Status always_ok =
        for_each_sink(Activity::Call::open, [&](runtime::Sink&, const std::string& state_key) {
          kept.push_back(state_key + kKeyEnd);
          return Status();
        });
    for (const StateEntry& entry : options_.checkpoint->entries()) {
      const auto keeps = [&](const std::string& prefix) { return entry.key.starts_with(prefix); };
      if (std::none_of(kept.begin(), kept.end(), keeps)) changes.push_back({entry.key, {}});
    }
    if (beginning_.empty) changes.push_back({kAnew, kEmpty});
    if (!changes.empty()) {
      if (Status saved = options_.checkpoint->save(changes); !saved) return saved;
    }
    changes.clear();
  }
  Status begun = for_each_sink(Activity::Call::open, [&](runtime::Sink& sink, const std::string& state_key) {
    StateEntries own;
    Status status = sink.begin(own);
    if (keeps_state()) add_entries(state_key, std::move(own), changes);
    return status;
  });
  if (!begun || !options_.checkpoint) return begun;
  if (beginning_.empty) {
    if (Status cleared = options_.checkpoint->clear_finished(); !cleared) return cleared;
    changes.push_back({kAnew, kEmptied});
  } else {
    std::vector<std::string> finished;
    for (const StateEntry& entry : changes) {
      if (entry.value.empty()) finished.push_back(entry.key);
    }
    if (Status added = options_.checkpoint->add_finished(finished); !added) return added;
  }
  return changes.empty() ? Status() : options_.checkpoint->save(changes);
}

Status Engine::open() {
  beginning_ = beginning();
  if (options_.checkpoint) {
    // Any sink's own keys: what another kind's look like, none of its files has.
    beginning_.finished = [store = options_.checkpoint](const std::function<void(std::string_view)>& each) {
      return store->read_finished([&](std::string_view key) {
        const std::size_t end = key.find(kKeyEnd);
        if (end != std::string_view::npos) each(key.substr(end + 1));
      });
    };
  }
  if (Status made = make_ends(); !made) return made;
  if (Status opened = open_ends(); !opened) return opened;
  if (Status begun = begin(); !begun) return begun;
  Status noted = for_each_sink(Activity::Call::open, [&](runtime::Sink& sink, const std::string&) {
    if (const std::string note = sink.resume_note(); !note.empty()) log(note);
    return Status();
  });
  if (!noted) return noted;
  for (const Source& source : sources_) {
    Status said = foreign(Activity::Call::open, source.node, [&] {
      if (const std::string note = source.receiver->resume_note(); !note.empty()) log(note);
    });
    if (!said) return at_node(std::move(said.error()), source.node);
  }
  const std::lock_guard lock(state_);
  opened_ = true;
  return {};
}

// Every source came to its end, or was stopped, and what it gave is committed.
Status Engine::finish() {
  if (!options_.checkpoint) return {};
  StateEntries changes;
  if (keeps_state()) {
    Status finished =
        for_each_sink(Activity::Call::commit, [&](runtime::Sink& sink, const std::string& state_key) {
          StateEntries own;
          sink.finish(own);
          add_entries(state_key, std::move(own), changes);
          return Status();
        });
    if (!finished) return finished;
  }
  std::vector<std::string> keys;
  for (const StateEntry& entry : changes) {
    if (entry.value.empty()) keys.push_back(entry.key);
  }
  if (beginning_.emptied && !stopping_.load()) changes.push_back({kAnew, {}});
  if (changes.empty()) return {};
  const std::lock_guard lock(outside_);
  if (abandoned_.load()) return {};
  return guarded([&]() -> Status {
    if (Status added = options_.checkpoint->add_finished(keys); !added) return added;
    return options_.checkpoint->save(changes);
  });
}

// Whatever was made is closed, also after a failed open. An error in it is the run's, unless there is one
// already.
void Engine::close() {
  {
    const std::lock_guard lock(state_);
    opened_ = false;
  }
  const auto close_one = [&](auto& connector, std::size_t place) {
    if (!connector) return;
    Status status = foreign(Activity::Call::close, place, [&] { return connector->close(); });
    if (!status && !failure_.any()) failure_.fail_source(at_node(std::move(status.error()), place));
  };
  for (Source& source : sources_) close_one(source.receiver, source.node);
  for (SinkEnd& end : sinks_) close_one(end.sink, end.node);
  close_one(dead_letter_sink_, route_place());
}

}  // namespace pipec::graph
