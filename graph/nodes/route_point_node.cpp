#include "graph/nodes/route_point_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "graph/state/mutant.h"
#include "graph/state_keeper.h"
#include "graph/visit_context.h"

namespace pipec::graph {

using runtime::Batch;
using runtime::Block;
using runtime::DeadLetter;
using runtime::Error;
using runtime::Status;

namespace {

// A dead letter batch is written when it has this many bytes.
constexpr std::size_t kLetterBytes = std::size_t{1} << 20;

std::string join_facts(std::initializer_list<std::string> facts) {
  std::string text;
  for (const std::string& fact : facts) {
    if (fact.empty()) continue;
    if (!text.empty()) text += ", ";
    text += fact;
  }
  return text;
}

Error rejected(const InFlightBatch& in_flight) {
  const DeadLetter& first = in_flight.letters.front().letter;
  const Block& block = *in_flight.block;
  const std::size_t count = in_flight.letters.size();
  const std::string facts = join_facts(
      {first.stage, first.place.to_string(), block.source,
       fmt::format("{} {}", block.byte_positions ? "byte" : "position", block.position(first.origin))});
  return {
      "dead_letter",
      fmt::format(
          "{} could not be processed{}: {} ({}); add a dlq, e.g. dlq file(\"dead.ndjson\"), to keep going",
          count == 1 ? std::string("1 record") : fmt::format("{} records", count),
          count == 1 ? "" : ", the first", first.reason, facts),
      first.stage, first.place.to_string(), false};
}

}  // namespace

RoutePointNode::RoutePointNode(const Shared& shared, Wiring& wiring,
                               const std::unique_ptr<runtime::Sink>& sink)
    : in(add_node<InFlightBatch*>(
          wiring, shared.plan.dead_letters.name.empty() ? "dead letters" : shared.plan.dead_letters.name,
          "route point", Wiring::Runs::serial, [this](InFlightBatch* in_flight) { take(in_flight); })),
      settled(add_port<BarrierCall>(wiring, in, "settled")),
      again(add_port<InFlightBatch*>(wiring, in, "again")),
      shared_(shared),
      sink_(sink),
      backoff_(shared.options.retry) {
  again.connect(in);
}

// Null: the suspended batch is tried again.
void RoutePointNode::take(InFlightBatch* in_flight) {
  if (in_flight) {
    shared_.faults.must([&] { order_.put(in_flight->sequence, in_flight); });
    if (suspended_) return;
  } else if (!attempt(std::exchange(suspended_, nullptr))) {
    return;
  }
  while (InFlightBatch* next = order_.take()) {
    if (!attempt(next)) return;
  }
}

// False: it is suspended.
bool RoutePointNode::attempt(InFlightBatch* in_flight) {
  if (const Wait wait = pass(*in_flight)) {
    suspended_ = in_flight;
    shared_.hand_on_after<InFlightBatch*>(*wait, again, nullptr);
    return false;
  }
  settled.send({.settled = in_flight});
  return true;
}

RoutePointNode::Wait RoutePointNode::pass(InFlightBatch& in_flight) {
  if (const Wait wait = route(in_flight)) return wait;
  take_snapshot(in_flight);
  if (!in_flight.held) return std::nullopt;
  if (const Wait wait = held_->write(*in_flight.held, nullptr, nullptr)) return wait;
  shared_.recycle(std::exchange(in_flight.held, nullptr));
  // Dead letters that the sink itself found come last.
  return route(in_flight);
}

RoutePointNode::Wait RoutePointNode::route(InFlightBatch& in_flight) {
  if (in_flight.letters.empty() || !shared_.faults.alive(in_flight)) return std::nullopt;
  // Branches report in any order; the output must not depend on it.
  std::stable_sort(in_flight.letters.begin(), in_flight.letters.end(),
                   [](const RoutedLetter& a, const RoutedLetter& b) {
                     return std::pair(a.letter.origin, a.node) < std::pair(b.letter.origin, b.node);
                   });
  const std::size_t count = in_flight.letters.size();
  switch (shared_.plan.dead_letters.kind) {
    case DeadLetterPolicy::Kind::sink:
    case DeadLetterPolicy::Kind::call:
      if (const Wait wait = write(in_flight)) return wait;
      break;
    case DeadLetterPolicy::Kind::reject:
      reject(in_flight);
      break;
    case DeadLetterPolicy::Kind::discard:
      break;
  }
  Counters::add(shared_.counters.dead_letters, count);
  shared_.nodes[shared_.faults.route_place()].count(count, count, 0);
  Counters::add(shared_.counters.errors, count);
  in_flight.letters.clear();
  return std::nullopt;
}

RoutePointNode::Wait RoutePointNode::write(InFlightBatch& in_flight) {
  Faults& faults = shared_.faults;
  const bool calls = shared_.plan.dead_letters.kind == DeadLetterPolicy::Kind::call;
  Status status = faults.foreign(Activity::Call::write, faults.route_place(), [&] {
    return calls ? call_with_letters(in_flight) : write_letters(in_flight);
  });
  if (!status && !mutated(Mutant::ignore_dead_letter_route)) {
    if (status.error().retriable) {
      if (const Wait wait = backoff_.next()) {
        Counters::add(shared_.nodes[faults.route_place()].retries, 1);
        return wait;
      }
    }
    faults.fail_batch(in_flight, std::move(status.error()), faults.route_place());
  }
  backoff_.reset();
  letters_written_ = 0;
  return std::nullopt;
}

// Continues after the letters that an earlier attempt has written.
Status RoutePointNode::write_letters(InFlightBatch& in_flight) {
  while (letters_written_ < in_flight.letters.size()) {
    auto block = std::make_shared<Block>();
    block->data = shared_.pools.buffers.get(kLetterBytes);
    std::size_t next = letters_written_;
    while (next < in_flight.letters.size() && block->data->size() < kLetterBytes) {
      const std::size_t begin = block->data->size();
      runtime::write_dead_letter(*in_flight.block, in_flight.letters[next++].letter,
                                 shared_.options.clock->unix_nanoseconds(), *block->data);
      const std::size_t size = block->data->size() - begin;
      block->origins.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(size)});
      block->data->append('\n');  // so that no letter's bytes lie in the padding of the one before
    }
    const Batch batch(std::move(block), shared_.pools.buffers);
    InFlightBatch refused_by;
    refused_by.block = nullptr;
    VisitContext context(refused_by, shared_.plan.dead_letters.name, shared_.plan.dead_letters.place, 0);
    Status status = sink_->write(batch, context);
    if (!status) return status;
    if (context.foreign()) {
      return Error{"dead_letter", "a dead letter could not be written: " + *context.foreign(), {}, {}, false};
    }
    letters_written_ = next;
  }
  // A sink that commits itself does so immediately: the letters must be durable before it gets the batch.
  return shared_.plan.commit == CommitMode::sink ? sink_->sync() : Status{};
}

Status RoutePointNode::call_with_letters(InFlightBatch& in_flight) {
  for (; letters_written_ < in_flight.letters.size(); ++letters_written_) {
    const DeadLetterView view(*in_flight.block, in_flight.letters[letters_written_].letter);
    if (Status status = shared_.plan.dead_letters.call(view); !status) return status;
  }
  return {};
}

void RoutePointNode::reject(InFlightBatch& in_flight) {
  Status said = runtime::guarded([&]() -> Status { return rejected(in_flight); });
  Error error = std::move(said.error());
  if (mutated(Mutant::acknowledge_on_reject)) {
    shared_.faults.fail_source(std::move(error));
    shared_.faults.end();
  } else {
    shared_.faults.fail_batch(in_flight, std::move(error));
  }
}

void RoutePointNode::take_snapshot(InFlightBatch& in_flight) {
  Faults& faults = shared_.faults;
  if (!sink_ || !in_flight.commit_point || !faults.alive(in_flight)) return;
  Status status = faults.foreign(Activity::Call::snapshot, faults.route_place(), [&]() -> Status {
    runtime::StateEntries own;
    sink_->snapshot(own);
    StateKeeper::add(shared_.plan.dead_letters.state_key, std::move(own), in_flight.entries);
    return {};
  });
  if (!status) faults.fail_batch(in_flight, std::move(status.error()), faults.route_place());
}

}  // namespace pipec::graph
