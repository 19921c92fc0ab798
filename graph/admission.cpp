#include "graph/admission.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace pipec::graph {

using runtime::Block;

Admission::Admission(const Shared& shared, const Connectors& connectors, Ledger& ledger)
    : shared_(shared),
      connectors_(connectors),
      ledger_(ledger),
      next_numbers_(shared.topology.serial_places.size()),
      ended_(shared.topology.sources.size()) {}

// Is the batch that is being admitted one to commit at? The lock is held.
bool Admission::is_commit_point() {
  const RunOptions& options = shared_.options;
  if (shared_.plan.commit == CommitMode::sink) return false;
  if (shared_.plan.transactional || open_parts_ > 0) {
    behind_commit_point_ = true;
    return false;
  }
  if (options.commit_interval.count() > 0) {
    const Time now = options.clock->steady_now();
    if (now - last_commit_point_ < options.commit_interval && !connectors_.sinks_want_commit()) {
      behind_commit_point_ = true;
      return false;
    }
    last_commit_point_ = now;
  }
  behind_commit_point_ = false;
  return true;
}

// The lock must be held. `visits`: places that the batch does not reach, but which snapshot their state at
// it.
void Admission::number(InFlightBatch& in_flight, std::uint32_t& visits) {
  in_flight.sequence = next_sequence_++;
  for (std::size_t i = 0; i < next_numbers_.size(); ++i) {
    const bool reached =
        !in_flight.bare && shared_.topology.reaches(in_flight.feed, shared_.topology.serial_places[i]);
    if (!reached && !in_flight.commit_point) continue;
    in_flight.numbers[i] = next_numbers_[i]++;
    if (!reached) ++visits;
  }
  shared_.faults.must([&] { ledger_.admit(in_flight, in_flight.bare && shared_.plan.transactional); });
}

BatchView* Admission::enter(InFlightBatch& in_flight) noexcept {
  shared_.faults.must([&] { in_flight.numbers.assign(next_numbers_.size(), 0); });
  BatchView* view = shared_.new_view(in_flight);
  std::uint32_t visits = 0;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(in_flight.ends_split, false)) --open_parts_;
    in_flight.commit_point = is_commit_point();
    number(in_flight, visits);
  }
  in_flight.branches.start(shared_.topology.terminals[in_flight.feed] + visits);
  if (visits > 0) {
    for (std::uint32_t i = 0; i < next_numbers_.size(); ++i) {
      if (!shared_.topology.reaches(in_flight.feed, shared_.topology.serial_places[i])) visit(i, in_flight);
    }
  }
  return view;
}

BatchView* Admission::admit(std::uint32_t source, InFlightBatch& in_flight) noexcept {
  Counters& counters = shared_.counters;
  Counters::add(counters.records_in, in_flight.block->origins.size());  // unread ones: when they are read
  Counters::add(counters.bytes_in, in_flight.bytes);
  Counters::add(counters.batches, 1);
  in_flight.feed = source;
  in_flight.bare = false;
  in_flight.call = InFlightBatch::Call::apply;
  in_flight.made = 0;
  if (shared_.leases.governed()) {
    in_flight.received = shared_.options.clock->steady_now();
    in_flight.worked.store(0, std::memory_order_relaxed);
  }
  return enter(in_flight);
}

void Admission::begin_parts() {
  const std::lock_guard lock(mutex_);
  ++open_parts_;
}

void Admission::admit_own(std::uint32_t feed, InFlightBatch::Call call) noexcept {
  InFlightBatch* in_flight = nullptr;
  shared_.faults.must([&] { in_flight = shared_.pools.in_flight.get(); });
  shared_.faults.must([&] {
    auto block = std::make_shared<Block>();
    block->data = shared_.pools.buffers.get(1);
    block->origins.push_back({0, 0});
    block->source = shared_.plan.nodes[shared_.topology.feeds[feed]].name;
    in_flight->block = std::move(block);
  });
  in_flight->feed = feed;
  in_flight->bare = false;
  in_flight->call = call;
  in_flight->bytes = in_flight->made = in_flight->lease = 0;
  shared_.leases.limiter().enter(0);
  BatchView* view = enter(*in_flight);
  shared_.faults.must([&] { view->batch.assign(in_flight->block, shared_.pools.buffers); });
  view->batch.records.clear();
  const std::uint32_t place = shared_.topology.place_of[shared_.topology.feeds[feed]];
  shared_.faults.must([&] { commit_points_->visit(place, view); });
}

void Admission::admit_commit_point() noexcept {
  InFlightBatch* in_flight = nullptr;
  std::uint32_t visits = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!behind_commit_point_ || open_parts_ > 0) return;
    behind_commit_point_ = false;
    last_commit_point_ = shared_.options.clock->steady_now();
    shared_.faults.must([&] { in_flight = shared_.pools.in_flight.get(); });
    shared_.faults.must([&] { in_flight->numbers.assign(next_numbers_.size(), 0); });
    in_flight->feed = 0;
    in_flight->bare = true;
    in_flight->commit_point = true;
    in_flight->lease = 0;
    number(*in_flight, visits);
  }
  if (visits == 0) {
    shared_.faults.must([&] { commit_points_->pass(in_flight); });
    return;
  }
  in_flight->branches.start(visits);
  for (std::uint32_t i = 0; i < visits; ++i) visit(i, *in_flight);
}

void Admission::visit(std::uint32_t place, InFlightBatch& in_flight) {
  BatchView* view = shared_.new_view(in_flight);
  view->batch.release();
  view->only_snapshot = true;
  shared_.faults.must([&] { commit_points_->visit(place, view); });
}

void Admission::want_commit() noexcept {
  if (shared_.plan.transactional) {
    commit_wanted_.store(true, std::memory_order_release);
  } else {
    admit_commit_point();
  }
}

// Exactly once: the transaction must hold exactly the outputs of its positions, so the source waits from a
// commit point until it is committed.
void Admission::end_transaction_when_due() {
  {
    const std::lock_guard lock(mutex_);
    if (!behind_commit_point_) {
      commit_wanted_.store(false, std::memory_order_relaxed);
      return;
    }
    const bool wanted = commit_wanted_.exchange(false, std::memory_order_acq_rel);
    const Time now = shared_.options.clock->steady_now();
    if (!wanted && now - last_commit_point_ < shared_.options.commit_interval) return;
  }
  admit_commit_point();
  ledger_.wait_transaction_ended([&] { return shared_.faults.ending(); });
}

void Admission::let_time_pass() noexcept {
  const Topology& topology = shared_.topology;
  if (shared_.faults.ending()) return;
  for (const Connectors::Stateful& stage : connectors_.stages()) {
    if (!stage.stage->wants_time()) continue;
    const auto feed = std::find(topology.feeds.begin() + static_cast<std::ptrdiff_t>(topology.sources.size()),
                                topology.feeds.end(), stage.node);
    admit_own(static_cast<std::uint32_t>(feed - topology.feeds.begin()), InFlightBatch::Call::on_time);
  }
}

// In plan order, so that records that one stage releases reach downstream stages before those stages end.
void Admission::source_ended(std::uint32_t source) noexcept {
  const Topology& topology = shared_.topology;
  std::vector<std::uint32_t> ended;
  {
    const std::lock_guard lock(mutex_);
    ended_[source] = true;
    for (std::size_t feed = topology.sources.size(); feed < topology.feeds.size(); ++feed) {
      const std::uint32_t stage = topology.feeds[feed];
      bool last = topology.reaches(source, stage);
      for (std::uint32_t i = 0; i < ended_.size(); ++i) last &= ended_[i] || !topology.reaches(i, stage);
      if (last) shared_.faults.must([&] { ended.push_back(static_cast<std::uint32_t>(feed)); });
    }
  }
  for (const std::uint32_t feed : ended) admit_own(feed, InFlightBatch::Call::finish);
}

}  // namespace pipec::graph
