// A batch at its ends: the sinks, the route point of dead letters, and what is settled when all is done.
#include <fmt/format.h>

#include <algorithm>

#include "graph/engine.h"
#include "graph/mutant.h"
#include "graph/visit_context.h"
#include "graph/work_timer.h"

namespace pipec::graph {

using runtime::Batch;
using runtime::Block;
using runtime::DeadLetter;
using runtime::Error;
using runtime::StateEntries;
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

// Waits for two: write() has returned, and the sink has completed the batch. The later one goes on.
class Engine::DeferredWrite final : public runtime::Completion,
                                    public std::enable_shared_from_this<DeferredWrite> {
 public:
  struct Letter {
    std::uint32_t origin;
    std::string reason;
  };

  DeferredWrite(Engine& engine, SinkEnd& end, Parcel* parcel) : engine_(engine), end_(end), parcel_(parcel) {}
  // The sink let go of the batch and never said what became of it.
  ~DeferredWrite() override {
    if (passed_.load(std::memory_order_acquire) != 1 || !written_) return;
    engine_.must([this] {
      engine_.flow_->post([&engine = engine_, &end = end_, parcel = parcel_] {
        Error error{"sink", "the sink let go of a batch without completing it", {}, {}, false};
        engine.fail_batch(*parcel->delivery, engine.at_node(std::move(error), end.node));
        engine.report(parcel);
      });
    });
  }

  void dead_letter(std::uint32_t origin, std::string reason) override {
    letters_.push_back({origin, std::move(reason)});
  }
  void done(Status status) override {
    if (completed_.exchange(true)) return;
    // At once: no later batch may be handed over (D3).
    if (!status)
      engine_.fail_batch(*parcel_->delivery, engine_.at_node(std::move(status.error()), end_.node));
    if (!passed()) return;
    engine_.must([this] {
      engine_.flow_->post([self = shared_from_this()] { self->engine_.finish_deferred(*self); });
    });
  }
  // write() has returned. True: the sink has completed the batch before.
  bool written() {
    written_ = true;
    return passed();
  }

  SinkEnd& end() { return end_; }
  Parcel* parcel() { return parcel_; }
  std::vector<Letter> take_letters() { return std::move(letters_); }

 private:
  // True for the second of the two.
  bool passed() { return passed_.fetch_add(1, std::memory_order_acq_rel) == 1; }

  Engine& engine_;  // in flight: the engine waits for it. No counted reference: the sink's thread may drop
                    // the last
  SinkEnd& end_;
  Parcel* const parcel_;
  std::vector<Letter> letters_;
  std::atomic<bool> completed_{false};
  std::atomic<bool> written_{false};
  std::atomic<int> passed_{0};
};

// The lane of a sink: one batch at a time, on whichever worker.
std::optional<Engine::Milliseconds> Engine::write(SinkEnd& end, Parcel* parcel) {
  const bool unordered = plan_.nodes[end.node].unordered;
  std::shared_ptr<DeferredWrite> deferred;
  if (const std::optional<Milliseconds> again =
          write_records(end, *parcel, unordered ? nullptr : &deferred)) {
    return again;
  }
  end.backoff->reset();
  if (mutated(Mutant::skip_empty_batches) && parcel->batch.records.empty()) parcel->delivery->branches.fail();
  if (!unordered) {
    if (!parcel->split) take_snapshot(end, *parcel->delivery);
    if (deferred) {
      if (deferred->written()) finish_deferred(*deferred);
    } else {
      report(parcel);
    }
    return std::nullopt;
  }
  // A snapshot has to cover all batches before its own, so it waits for those that were overtaken.
  const std::size_t sink = topology_.sink_of[end.node];
  must([&] { end.written.put(parcel->delivery->numbers[sink], parcel, parcel->split != nullptr); });
  while (Parcel* in_order = end.written.take()) {
    if (!in_order->split) take_snapshot(end, *in_order->delivery);
    report(in_order);
  }
  return std::nullopt;
}

std::optional<Engine::Milliseconds> Engine::write_records(SinkEnd& end, Parcel& parcel,
                                                          std::shared_ptr<DeferredWrite>* deferred) {
  Delivery& delivery = *parcel.delivery;
  const bool dead = !alive(delivery) && !mutated(Mutant::write_after_failure);
  const bool hands_positions = plan_.commit == CommitMode::sink && delivery.has_source;
  if (dead || (parcel.batch.records.empty() && !hands_positions)) return std::nullopt;
  const Node& node = plan_.nodes[end.node];
  VisitContext context(delivery, node.name, node.place, end.node);
  std::shared_ptr<DeferredWrite> later;
  Status status = foreign(Activity::Call::write, end.node, [&] {
    if (deferred) {
      context.allow_defer([&] {
        later = std::make_shared<DeferredWrite>(*this, end, &parcel);
        return later;
      });
    }
    const WorkTimer timer(governor_ ? options_.clock : nullptr, delivery);
    return end.sink->write(parcel.batch, context);
  });
  if (abandoned_.load()) return std::nullopt;
  if (!status) {
    if (status.error().retriable) {
      if (const std::optional<Milliseconds> wait = end.backoff->next()) return wait;
    }
    fail_batch(delivery, at_node(std::move(status.error()), end.node));
    return std::nullopt;
  }
  if (context.foreign()) {
    Error error{"sink", "a dead letter of a record that is not in the batch", {}, {}, false};
    fail_batch(delivery, at_node(std::move(error), end.node));
    return std::nullopt;
  }
  const std::size_t letters = context.letters();
  must([&] { context.hand_over(); });
  if (delivery.has_source) note_made(delivery, context.letter_bytes());
  counters_.errors.fetch_add(context.errors(), std::memory_order_relaxed);
  counters_.records_filtered.fetch_add(context.filtered(), std::memory_order_relaxed);
  const std::size_t records = parcel.batch.records.size();
  counters_.records_out.fetch_add(records - std::min(records, letters), std::memory_order_relaxed);
  counters_.bytes_out.fetch_add(parcel.batch.live_bytes(), std::memory_order_relaxed);
  if (deferred) *deferred = std::move(later);
  return std::nullopt;
}

// On a worker, once the sink has both returned from write() and completed the batch.
void Engine::finish_deferred(DeferredWrite& write) {
  Parcel* parcel = write.parcel();
  Delivery& delivery = *parcel->delivery;
  const Node& node = plan_.nodes[write.end().node];
  std::vector<DeferredWrite::Letter> letters = write.take_letters();
  if (!delivery.branches.failed() && !letters.empty()) {
    Status status = guarded([&]() -> Status {
      const std::lock_guard lock(delivery.mutex);
      for (DeferredWrite::Letter& letter : letters) {
        if (letter.origin >= delivery.block->origins.size()) {
          return Error{"sink", "a dead letter of a record that is not in the batch", {}, {}, false};
        }
        delivery.letters.push_back(
            {{letter.origin, std::move(letter.reason), node.name, node.place}, write.end().node});
      }
      return {};
    });
    counters_.records_out.fetch_sub(letters.size(), std::memory_order_relaxed);
    if (!status) fail_batch(delivery, at_node(std::move(status.error()), write.end().node));
  }
  report(parcel);
}

void Engine::take_snapshot(SinkEnd& end, Delivery& delivery) {
  if (!delivery.commit_point || !alive(delivery)) return;
  Status status = foreign(Activity::Call::snapshot, end.node, [&]() -> Status {
    StateEntries own;
    end.sink->snapshot(own);
    if (own.empty()) return {};
    const std::lock_guard lock(delivery.mutex);
    add_entries(plan_.nodes[end.node].state_key, std::move(own), delivery.entries);
    return {};
  });
  if (!status) fail_batch(delivery, at_node(std::move(status.error()), end.node));
}

// A branch is through. Behind the last one the batch goes to the route point, in its turn.
void Engine::report(Parcel* parcel) {
  Delivery* delivery = parcel->delivery;
  Split* const split = parcel->split;
  recycle(parcel);
  if (split) {
    if (split->ends.fetch_sub(1, std::memory_order_acq_rel) == 1) go_on(split);
    return;
  }
  if (!delivery->branches.report()) return;
  // Only dead letters still need the bytes.
  if (delivery->letters.empty() && delivery->has_source && delivery->block.use_count() == 1)
    delivery->block->data = {};
  must([&] { routes_->arrive(delivery->sequence, delivery); });
}

void Engine::recycle(Parcel* parcel) {
  if (parcel->outlined != 0) note_freed(*parcel->delivery, std::exchange(parcel->outlined, 0));
  parcel->batch.release();
  parcel->delivery = nullptr;
  parcel->split = nullptr;
  parcels_.put(parcel);
}

// Serial, in the total order. Dead letters are out before the commit barrier, or a sink that commits itself,
// hears of the batch (P7).
std::optional<Engine::Milliseconds> Engine::route_point(Delivery* delivery) {
  if (!delivery->letters.empty() && alive(*delivery)) {
    if (const std::optional<Milliseconds> again = route_letters(*delivery)) return again;
  }
  if (dead_letter_sink_ && delivery->commit_point && alive(*delivery)) {
    Status status = foreign(Activity::Call::snapshot, route_place(), [&]() -> Status {
      StateEntries own;
      dead_letter_sink_->snapshot(own);
      add_entries(plan_.dead_letters.state_key, std::move(own), delivery->entries);
      return {};
    });
    if (!status) fail_batch(*delivery, at_dead_letter_route(std::move(status.error())));
  }
  if (delivery->held) {
    if (const std::optional<Milliseconds> again = write_records(sinks_[0], *delivery->held)) return again;
    sinks_[0].backoff->reset();
    recycle(std::exchange(delivery->held, nullptr));
    // Dead letters that the sink itself found come last.
    if (!delivery->letters.empty() && alive(*delivery)) {
      if (const std::optional<Milliseconds> again = route_letters(*delivery)) return again;
    }
  }
  settle(delivery);
  return std::nullopt;
}

std::optional<Engine::Milliseconds> Engine::route_letters(Delivery& delivery) {
  // Branches report in any order; what is written does not depend on it.
  std::stable_sort(delivery.letters.begin(), delivery.letters.end(),
                   [](const RoutedLetter& a, const RoutedLetter& b) {
                     return std::pair(a.letter.origin, a.node) < std::pair(b.letter.origin, b.node);
                   });
  const std::size_t count = delivery.letters.size();
  if (plan_.dead_letters.kind == DeadLetterPolicy::Kind::sink) {
    Status status = foreign(Activity::Call::write, route_place(), [&] { return write_letters(delivery); });
    if (!status && !mutated(Mutant::ignore_dead_letter_route)) {
      if (status.error().retriable) {
        if (const std::optional<Milliseconds> wait = dead_letter_backoff_->next()) return wait;
      }
      fail_batch(delivery, at_dead_letter_route(std::move(status.error())));
    }
    dead_letter_backoff_->reset();
    letters_written_ = 0;
  } else if (plan_.dead_letters.kind == DeadLetterPolicy::Kind::reject) {
    Status said = guarded([&]() -> Status { return rejected(delivery); });
    Error error = std::move(said.error());
    if (mutated(Mutant::acknowledge_on_reject)) {
      failure_.fail_source(std::move(error));
      end_early();
    } else {
      fail_batch(delivery, std::move(error));
    }
  }
  counters_.dead_letters.fetch_add(count, std::memory_order_relaxed);
  counters_.errors.fetch_add(count, std::memory_order_relaxed);
  delivery.letters.clear();
  return std::nullopt;
}

// Goes on behind what an earlier attempt has written.
Status Engine::write_letters(Delivery& delivery) {
  while (letters_written_ < delivery.letters.size()) {
    auto block = std::make_shared<Block>();
    block->data = buffers_.get(kLetterBytes);
    std::size_t next = letters_written_;
    while (next < delivery.letters.size() && block->data->size() < kLetterBytes) {
      const std::size_t begin = block->data->size();
      runtime::write_dead_letter(*delivery.block, delivery.letters[next++].letter,
                                 options_.clock->unix_nanoseconds(), *block->data);
      const std::size_t size = block->data->size() - begin;
      block->origins.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(size)});
      block->data->append('\n');  // so that the padding behind the next one's start never shows its bytes
    }
    const Batch batch(std::move(block), buffers_);
    Delivery refused_by;
    refused_by.block = nullptr;
    VisitContext context(refused_by, plan_.dead_letters.name, plan_.dead_letters.place, 0);
    Status status = dead_letter_sink_->write(batch, context);
    if (!status) return status;
    if (context.foreign()) {
      return Error{"dead_letter", "a dead letter could not be written: " + *context.foreign(), {}, {}, false};
    }
    letters_written_ = next;
  }
  // A sink that commits itself does so at once: the letters have to be safe before it hears of the batch.
  return plan_.commit == CommitMode::sink ? dead_letter_sink_->sync() : Status{};
}

// The batch is done or failed for good: its lease ends, and the barrier moves.
void Engine::settle(Delivery* delivery) {
  const bool done = alive(*delivery);
  if (!done && !failure_.any()) {
    failure_.fail_at(delivery->sequence, Error{"internal", "a batch failed without an error", {}, {}, false});
  }
  if (delivery->has_source) {
    if (delivery->block.use_count() == 1) delivery->block->data = {};
    if (governor_) note_settled(*delivery);
    if (done || !mutated(Mutant::leak_on_failure)) limiter_.release(delivery->lease);
    if (mutated(Mutant::release_twice)) limiter_.release(delivery->lease);
  }
  {
    const std::lock_guard lock(barrier_mutex_);
    try {
      done ? barrier_.done(delivery->sequence, std::move(delivery->entries))
           : barrier_.fail(delivery->sequence);
    } catch (...) {
      barrier_.spoil();
      out_of_resources();
    }
    if (barrier_.ready()) barrier_changed_.notify_one();
  }
  delivery->entries.clear();
  delivery->letters.clear();
  deliveries_.put(delivery);
  // Sequentially consistent with run(), which sets draining_ and then looks at in_flight_: one of the two
  // sees the other.
  if (in_flight_.fetch_sub(1) == 1 && draining_.load()) wake();
}

}  // namespace pipec::graph
