#include "graph/nodes/sink_writer.h"

#include <algorithm>

#include "graph/state/mutant.h"
#include "graph/state_keeper.h"
#include "graph/visit_context.h"
#include "graph/work_timer.h"

namespace pipec::graph {

using runtime::Error;
using runtime::ErrorCode;
using runtime::Status;

namespace {

Error foreign_letter() {
  return Error::make(ErrorCode::sink, "a dead letter of a record that is not in the batch");
}

}  // namespace

std::optional<std::chrono::milliseconds> SinkWriter::write(BatchView& view,
                                                           const Output<Completed>* completed,
                                                           std::shared_ptr<DeferredWrite>* deferred) {
  InFlightBatch& in_flight = *view.in_flight;
  Faults& faults = shared_.faults;
  const bool dead = !faults.alive(in_flight) && !mutated(Mutant::write_after_failure);
  const bool hands_positions = shared_.plan.commit == CommitMode::sink && !in_flight.bare;
  if (dead || (view.batch.records.empty() && !hands_positions)) return std::nullopt;
  const Node& node = shared_.plan.nodes[node_];
  VisitContext context(in_flight, node.name, node.place, node_);
  std::shared_ptr<DeferredWrite> later;
  Status status = faults.foreign(Activity::Call::write, node_, [&] {
    if (completed) {
      context.allow_defer([&] {
        later = std::make_shared<DeferredWrite>(shared_, node_, &view, *completed);
        return later;
      });
    }
    const WorkTimer timer(shared_.leases.clock(), in_flight, shared_.nodes[node_]);
    return sink_->write(view.batch, context);
  });
  if (faults.abandoned()) return std::nullopt;
  if (!status) {
    if (status.error().retriable) {
      if (const std::optional<std::chrono::milliseconds> wait = backoff_.next()) {
        Counters::add(shared_.nodes[node_].retries, 1);
        return wait;
      }
    }
    backoff_.reset();
    faults.fail_batch(in_flight, std::move(status.error()), node_);
    return std::nullopt;
  }
  backoff_.reset();
  if (context.foreign()) {
    faults.fail_batch(in_flight, foreign_letter(), node_);
    return std::nullopt;
  }
  const std::size_t letters = context.letters();
  faults.must([&] { context.hand_over(); });
  shared_.leases.note_made(in_flight, context.letter_bytes());
  Counters& counters = shared_.counters;
  Counters::add(counters.errors, context.errors());
  Counters::add(counters.records_filtered, context.filtered());
  const std::size_t records = view.batch.records.size();
  Counters::add(counters.records_out, records - std::min(records, letters));
  Counters::add(counters.bytes_out, view.batch.live_bytes());
  shared_.nodes[node_].count(records, records - std::min(records, letters), letters);
  if (deferred) *deferred = std::move(later);
  return std::nullopt;
}

void SinkWriter::take_snapshot(InFlightBatch& in_flight) {
  if (!in_flight.commit_point || !shared_.faults.alive(in_flight)) return;
  Status status = shared_.faults.foreign(Activity::Call::snapshot, node_, [&]() -> Status {
    runtime::StateEntries own;
    sink_->snapshot(own);
    if (own.empty()) return {};
    const std::lock_guard lock(in_flight.mutex);
    StateKeeper::add(shared_.plan.nodes[node_].state_key, std::move(own), in_flight.entries);
    return {};
  });
  if (!status) shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
}

DeferredWrite::~DeferredWrite() {
  if (passed_.load(std::memory_order_acquire) != 1 || !written_) return;
  shared_.faults.must([this] { completed_out_.hand_on({view_, nullptr}); });
}

void DeferredWrite::done(Status status) {
  if (completed_.exchange(true)) return;
  // Immediately: no later batch may be passed to the sink (D3).
  if (!status) shared_.faults.fail_batch(*view_->in_flight, std::move(status.error()), node_);
  if (!passed()) return;
  itself_ = shared_from_this();
  shared_.faults.must([this] { completed_out_.hand_on({view_, this}); });
}

bool DeferredWrite::written() {
  written_ = true;
  return passed();
}

void DeferredWrite::finish() {
  const std::shared_ptr<DeferredWrite> kept = std::move(itself_);
  InFlightBatch& in_flight = *view_->in_flight;
  if (in_flight.branches.failed() || letters_.empty()) return;
  const Node& node = shared_.plan.nodes[node_];
  Status status = runtime::guarded([&]() -> Status {
    const std::lock_guard lock(in_flight.mutex);
    for (Letter& letter : letters_) {
      if (letter.origin >= in_flight.block->origins.size()) return foreign_letter();
      in_flight.letters.push_back({{letter.origin, std::move(letter.reason), node.name, node.place}, node_});
    }
    return {};
  });
  shared_.counters.records_out.fetch_sub(letters_.size(), std::memory_order_relaxed);
  if (!status) shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
}

}  // namespace pipec::graph
