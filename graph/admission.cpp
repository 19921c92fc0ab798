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

// The lock is held. `visits`: places that the batch does not come to, but which note their state at it.
void Admission::number(Delivery& delivery, std::uint32_t& visits) {
  delivery.sequence = next_sequence_++;
  for (std::size_t i = 0; i < next_numbers_.size(); ++i) {
    const bool reached =
        !delivery.bare && shared_.topology.reaches(delivery.feed, shared_.topology.serial_places[i]);
    if (!reached && !delivery.commit_point) continue;
    delivery.numbers[i] = next_numbers_[i]++;
    if (!reached) ++visits;
  }
  shared_.faults.must([&] { ledger_.admit(delivery, delivery.bare && shared_.plan.transactional); });
}

Parcel* Admission::enter(Delivery& delivery) noexcept {
  shared_.faults.must([&] { delivery.numbers.assign(next_numbers_.size(), 0); });
  Parcel* parcel = shared_.new_parcel(delivery);
  std::uint32_t visits = 0;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(delivery.ends_split, false)) --open_parts_;
    delivery.commit_point = is_commit_point();
    number(delivery, visits);
  }
  delivery.branches.start(shared_.topology.terminals[delivery.feed] + visits);
  if (visits > 0) {
    for (std::uint32_t i = 0; i < next_numbers_.size(); ++i) {
      if (!shared_.topology.reaches(delivery.feed, shared_.topology.serial_places[i])) visit(i, delivery);
    }
  }
  return parcel;
}

Parcel* Admission::admit(std::uint32_t source, Delivery& delivery) noexcept {
  Counters& counters = shared_.counters;
  Counters::add(counters.records_in, delivery.block->origins.size());  // unread ones: when they are read
  Counters::add(counters.bytes_in, delivery.bytes);
  Counters::add(counters.batches, 1);
  delivery.feed = source;
  delivery.bare = false;
  delivery.call = Delivery::Call::apply;
  delivery.made = 0;
  if (shared_.leases.governed()) {
    delivery.received = shared_.options.clock->steady_now();
    delivery.worked.store(0, std::memory_order_relaxed);
  }
  return enter(delivery);
}

void Admission::begin_parts() {
  const std::lock_guard lock(mutex_);
  ++open_parts_;
}

void Admission::admit_own(std::uint32_t feed, Delivery::Call call) noexcept {
  Delivery* delivery = nullptr;
  shared_.faults.must([&] { delivery = shared_.pools.deliveries.get(); });
  shared_.faults.must([&] {
    auto block = std::make_shared<Block>();
    block->data = shared_.pools.buffers.get(1);
    block->origins.push_back({0, 0});
    block->source = shared_.plan.nodes[shared_.topology.feeds[feed]].name;
    delivery->block = std::move(block);
  });
  delivery->feed = feed;
  delivery->bare = false;
  delivery->call = call;
  delivery->bytes = delivery->made = delivery->lease = 0;
  shared_.leases.limiter().enter(0);
  Parcel* parcel = enter(*delivery);
  shared_.faults.must([&] { parcel->batch.assign(delivery->block, shared_.pools.buffers); });
  parcel->batch.records.clear();
  const std::uint32_t place = shared_.topology.place_of[shared_.topology.feeds[feed]];
  shared_.faults.must([&] { commit_points_->visit(place, parcel); });
}

void Admission::admit_commit_point() noexcept {
  Delivery* delivery = nullptr;
  std::uint32_t visits = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!behind_commit_point_ || open_parts_ > 0) return;
    behind_commit_point_ = false;
    last_commit_point_ = shared_.options.clock->steady_now();
    shared_.faults.must([&] { delivery = shared_.pools.deliveries.get(); });
    shared_.faults.must([&] { delivery->numbers.assign(next_numbers_.size(), 0); });
    delivery->feed = 0;
    delivery->bare = true;
    delivery->commit_point = true;
    delivery->lease = 0;
    number(*delivery, visits);
  }
  if (visits == 0) {
    shared_.faults.must([&] { commit_points_->pass(delivery); });
    return;
  }
  delivery->branches.start(visits);
  for (std::uint32_t i = 0; i < visits; ++i) visit(i, *delivery);
}

void Admission::visit(std::uint32_t place, Delivery& delivery) {
  Parcel* parcel = shared_.new_parcel(delivery);
  parcel->batch.release();
  parcel->only_snapshot = true;
  shared_.faults.must([&] { commit_points_->visit(place, parcel); });
}

void Admission::want_commit() noexcept {
  if (shared_.plan.transactional) {
    commit_wanted_.store(true, std::memory_order_release);
  } else {
    admit_commit_point();
  }
}

// Exactly once: the transaction has to hold the outputs of its positions and of nothing behind them, so the
// source stands still from a commit point until it is committed.
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
    admit_own(static_cast<std::uint32_t>(feed - topology.feeds.begin()), Delivery::Call::on_time);
  }
}

// In the order of the plan, so that what one stage lets out comes to those behind it before their own end.
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
  for (const std::uint32_t feed : ended) admit_own(feed, Delivery::Call::finish);
}

}  // namespace pipec::graph
