// Making and opening what the plan names, and closing it.
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
  if (!options_.checkpoint) return;
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
  if (Status status = sink.open(saved_entries(state_key)); !status) return status;
  if (const std::string note = sink.resume_note(); !note.empty()) log(note);
  return {};
}

Status Engine::open_receiver(runtime::Receiver& receiver, const std::string& state_key) {
  receiver.keep_commit_trigger([this, leash = leash_] {
    if (const auto running = leash->hold()) want_commit();
  });
  const std::size_t share = queue_share(kReceiversPart, governor_ ? governor_->shape().receivers : 1);
  if (share != 0) receiver.keep_queue_limit(share);
  if (Status status = receiver.open(saved_entries(state_key)); !status) return status;
  if (const std::string note = receiver.resume_note(); !note.empty()) log(note);
  return {};
}

template <typename Connector, typename Make, typename Open>
Status Engine::make_and_open(std::unique_ptr<Connector>& to, std::size_t place, const Make& make,
                             const Open& open) {
  Status status = foreign(Activity::Call::open, place, [&]() -> Status {
    Result<std::unique_ptr<Connector>> made = make();
    if (!made) return std::move(made.error());
    if (!*made) {
      const bool receives = std::is_same_v<Connector, runtime::Receiver>;
      return Error{
          "plan", std::string("its factory gave no ") + (receives ? "receiver" : "sink"), {}, {}, false};
    }
    {
      const std::lock_guard lock(state_);
      if (stopping_.load()) return Error{"stopped", "stopped before it was opened", {}, {}, false};
      to = std::move(*made);
      opening_ = place;
      interrupt_opening_ = [connector = to.get()] { connector->interrupt(); };
    }
    return open(*to);
  });
  {
    const std::lock_guard lock(state_);
    interrupt_opening_ = nullptr;
  }
  if (!status) return at_node(std::move(status.error()), place);
  return {};
}

// Sinks first: a file sink cuts back to what is committed before a source reads on from there.
Status Engine::open() {
  for (const std::uint32_t node : topology_.sinks) {
    SinkEnd& end = sinks_.emplace_back();
    end.node = node;
    const Node& own = plan_.nodes[node];
    Status status = make_and_open(end.sink, node, own.make_sink,
                                  [&](runtime::Sink& sink) { return open_sink(sink, own.state_key); });
    if (!status) return status;
  }
  if (plan_.dead_letters.kind == DeadLetterPolicy::Kind::sink) {
    Status status =
        make_and_open(dead_letter_sink_, route_place(), plan_.dead_letters.make_sink,
                      [&](runtime::Sink& sink) { return open_sink(sink, plan_.dead_letters.state_key); });
    if (!status) return status;
  }
  for (const std::uint32_t node : topology_.sources) {
    Source& source = sources_.emplace_back();
    source.node = node;
    for (std::uint32_t i = 0; i < plan_.nodes.size(); ++i) {
      const bool reached = topology_.reaches(static_cast<std::uint32_t>(sources_.size() - 1), i);
      if (reached && plan_.nodes[i].kind == Node::Kind::stage) source.has_stages = true;
    }
    const Node& own = plan_.nodes[node];
    Status status = make_and_open(source.receiver, node, own.make_receiver, [&](runtime::Receiver& receiver) {
      return open_receiver(receiver, own.state_key);
    });
    if (!status) return status;
  }
  const std::lock_guard lock(state_);
  opened_ = true;
  return {};
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
