// Making and opening what the plan names, and closing it.
#include <algorithm>
#include <limits>

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

Error nothing_made(const char* what) {
  return {"plan", std::string("its factory gave no ") + what, {}, {}, false};
}

}  // namespace

Engine::Engine(Plan plan, Topology topology, RunOptions options)
    : plan_(std::move(plan)),
      topology_(std::move(topology)),
      options_(std::move(options)),
      threads_(options_.threads != 0 ? options_.threads : usable_cpus()),
      fixed_budget_(options_.budget_bytes.value_or(kUngovernedBudget)),
      buffers_(2 * most_batches(threads_, topology_.sources.size())),
      limiter_(fixed_budget_, most_batches(threads_, topology_.sources.size())),
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
  sink.keep_ahead([this, state_key](const StateEntries& own) -> Status {
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
  const StateEntries saved = saved_entries(state_key);
  if (Status status = guarded([&] { return sink.open(saved); }); !status) return status;
  if (const std::string note = sink.resume_note(); !note.empty()) log(note);
  return {};
}

// Sinks first: a file sink cuts back to what is committed before a source reads on from there.
Status Engine::open() {
  for (const std::uint32_t node : topology_.sinks) {
    SinkEnd& end = sinks_.emplace_back();
    end.node = node;
    Result<std::unique_ptr<runtime::Sink>> made = guarded([&] { return plan_.nodes[node].make_sink(); });
    if (made && !*made) made = nothing_made("sink");
    if (!made) return at_node(made.error(), node);
    end.sink = std::move(*made);
    if (Status status = open_sink(*end.sink, plan_.nodes[node].state_key); !status) {
      return at_node(status.error(), node);
    }
  }
  if (plan_.dead_letters.kind == DeadLetterPolicy::Kind::sink) {
    Result<std::unique_ptr<runtime::Sink>> made = guarded([&] { return plan_.dead_letters.make_sink(); });
    if (made && !*made) made = nothing_made("sink");
    if (!made) return at_dead_letter_route(made.error());
    dead_letter_sink_ = std::move(*made);
    if (Status status = open_sink(*dead_letter_sink_, plan_.dead_letters.state_key); !status) {
      return at_dead_letter_route(status.error());
    }
  }
  for (const std::uint32_t node : topology_.sources) {
    Source& source = sources_.emplace_back();
    source.node = node;
    for (std::uint32_t i = 0; i < plan_.nodes.size(); ++i) {
      const bool reached = topology_.reaches(static_cast<std::uint32_t>(sources_.size() - 1), i);
      if (reached && plan_.nodes[i].kind == Node::Kind::stage) source.has_stages = true;
    }
    Result<std::unique_ptr<runtime::Receiver>> made =
        guarded([&] { return plan_.nodes[node].make_receiver(); });
    if (made && !*made) made = nothing_made("receiver");
    if (!made) return at_node(made.error(), node);
    source.receiver = std::move(*made);
    source.receiver->keep_commit_trigger([this] { want_commit(); });
    const std::size_t share = queue_share(kReceiversPart, governor_ ? governor_->shape().receivers : 1);
    if (share != 0) source.receiver->keep_queue_limit(share);
    const StateEntries saved = saved_entries(plan_.nodes[node].state_key);
    if (Status status = guarded([&] { return source.receiver->open(saved); }); !status) {
      return at_node(status.error(), node);
    }
    const std::string note = source.receiver->resume_note();
    if (!note.empty()) log(note);
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
  const auto keep = [&](Error error) {
    if (!failure_.any()) failure_.fail_source(std::move(error));
  };
  for (Source& source : sources_) {
    if (!source.receiver) continue;
    if (Status status = guarded([&] { return source.receiver->close(); }); !status) {
      keep(at_node(status.error(), source.node));
    }
  }
  for (SinkEnd& end : sinks_) {
    if (!end.sink) continue;
    if (Status status = guarded([&] { return end.sink->close(); }); !status)
      keep(at_node(status.error(), end.node));
  }
  if (dead_letter_sink_) {
    if (Status status = guarded([&] { return dead_letter_sink_->close(); }); !status) {
      keep(at_dead_letter_route(status.error()));
    }
  }
}

}  // namespace pipec::graph
