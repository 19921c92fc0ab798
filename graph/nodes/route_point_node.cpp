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

Error rejected(const Delivery& delivery) {
  const DeadLetter& first = delivery.letters.front().letter;
  const Block& block = *delivery.block;
  const std::size_t count = delivery.letters.size();
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
    : in(add_node<Delivery*>(
          wiring, shared.plan.dead_letters.name.empty() ? "dead letters" : shared.plan.dead_letters.name,
          "route point", Wiring::Runs::serial, [this](Delivery* delivery) { take(delivery); })),
      settled(add_port<BarrierCall>(wiring, in, "settled")),
      again(add_port<Delivery*>(wiring, in, "again")),
      shared_(shared),
      sink_(sink),
      backoff_(shared.options.retry) {
  again.connect(in);
}

// Null: the suspended batch is tried again.
void RoutePointNode::take(Delivery* delivery) {
  if (delivery) {
    shared_.faults.must([&] { order_.put(delivery->sequence, delivery); });
    if (suspended_) return;
  } else if (!attempt(std::exchange(suspended_, nullptr))) {
    return;
  }
  while (Delivery* next = order_.take()) {
    if (!attempt(next)) return;
  }
}

// False: it is suspended.
bool RoutePointNode::attempt(Delivery* delivery) {
  if (const Wait wait = pass(*delivery)) {
    suspended_ = delivery;
    shared_.hand_on_after<Delivery*>(*wait, again, nullptr);
    return false;
  }
  settled.send({.settled = delivery});
  return true;
}

RoutePointNode::Wait RoutePointNode::pass(Delivery& delivery) {
  if (const Wait wait = route(delivery)) return wait;
  take_snapshot(delivery);
  if (!delivery.held) return std::nullopt;
  if (const Wait wait = held_->write(*delivery.held, nullptr, nullptr)) return wait;
  shared_.recycle(std::exchange(delivery.held, nullptr));
  // Dead letters that the sink itself found come last.
  return route(delivery);
}

RoutePointNode::Wait RoutePointNode::route(Delivery& delivery) {
  if (delivery.letters.empty() || !shared_.faults.alive(delivery)) return std::nullopt;
  // Branches report in any order; what is written does not depend on it.
  std::stable_sort(delivery.letters.begin(), delivery.letters.end(),
                   [](const RoutedLetter& a, const RoutedLetter& b) {
                     return std::pair(a.letter.origin, a.node) < std::pair(b.letter.origin, b.node);
                   });
  const std::size_t count = delivery.letters.size();
  if (shared_.plan.dead_letters.kind == DeadLetterPolicy::Kind::sink) {
    if (const Wait wait = write(delivery)) return wait;
  } else if (shared_.plan.dead_letters.kind == DeadLetterPolicy::Kind::reject) {
    reject(delivery);
  }
  Counters::add(shared_.counters.dead_letters, count);
  Counters::add(shared_.counters.errors, count);
  delivery.letters.clear();
  return std::nullopt;
}

RoutePointNode::Wait RoutePointNode::write(Delivery& delivery) {
  Faults& faults = shared_.faults;
  Status status =
      faults.foreign(Activity::Call::write, faults.route_place(), [&] { return write_letters(delivery); });
  if (!status && !mutated(Mutant::ignore_dead_letter_route)) {
    if (status.error().retriable) {
      if (const Wait wait = backoff_.next()) return wait;
    }
    faults.fail_batch(delivery, std::move(status.error()), faults.route_place());
  }
  backoff_.reset();
  letters_written_ = 0;
  return std::nullopt;
}

// Goes on behind what an earlier attempt has written.
Status RoutePointNode::write_letters(Delivery& delivery) {
  while (letters_written_ < delivery.letters.size()) {
    auto block = std::make_shared<Block>();
    block->data = shared_.pools.buffers.get(kLetterBytes);
    std::size_t next = letters_written_;
    while (next < delivery.letters.size() && block->data->size() < kLetterBytes) {
      const std::size_t begin = block->data->size();
      runtime::write_dead_letter(*delivery.block, delivery.letters[next++].letter,
                                 shared_.options.clock->unix_nanoseconds(), *block->data);
      const std::size_t size = block->data->size() - begin;
      block->origins.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(size)});
      block->data->append('\n');  // so that the padding behind the next one's start never shows its bytes
    }
    const Batch batch(std::move(block), shared_.pools.buffers);
    Delivery refused_by;
    refused_by.block = nullptr;
    VisitContext context(refused_by, shared_.plan.dead_letters.name, shared_.plan.dead_letters.place, 0);
    Status status = sink_->write(batch, context);
    if (!status) return status;
    if (context.foreign()) {
      return Error{"dead_letter", "a dead letter could not be written: " + *context.foreign(), {}, {}, false};
    }
    letters_written_ = next;
  }
  // A sink that commits itself does so at once: the letters have to be safe before it hears of the batch.
  return shared_.plan.commit == CommitMode::sink ? sink_->sync() : Status{};
}

void RoutePointNode::reject(Delivery& delivery) {
  Status said = runtime::guarded([&]() -> Status { return rejected(delivery); });
  Error error = std::move(said.error());
  if (mutated(Mutant::acknowledge_on_reject)) {
    shared_.faults.fail_source(std::move(error));
    shared_.faults.end();
  } else {
    shared_.faults.fail_batch(delivery, std::move(error));
  }
}

void RoutePointNode::take_snapshot(Delivery& delivery) {
  Faults& faults = shared_.faults;
  if (!sink_ || !delivery.commit_point || !faults.alive(delivery)) return;
  Status status = faults.foreign(Activity::Call::snapshot, faults.route_place(), [&]() -> Status {
    runtime::StateEntries own;
    sink_->snapshot(own);
    StateKeeper::add(shared_.plan.dead_letters.state_key, std::move(own), delivery.entries);
    return {};
  });
  if (!status) faults.fail_batch(delivery, std::move(status.error()), faults.route_place());
}

}  // namespace pipec::graph
