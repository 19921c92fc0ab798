// Where batches come in: source threads, and the total order.
#include <fmt/format.h>

#include <algorithm>

#include "graph/check_block.h"
#include "graph/engine.h"
#include "graph/split.h"

namespace pipec::graph {

using runtime::Block;
using runtime::Received;
using runtime::Result;
using runtime::Status;

namespace {

// What the first batch of a source is asked for, where stages may make more of it: nobody knows yet how much.
constexpr std::size_t kProbeBytes = std::size_t{16} << 10;
// Where a sink wants small batches. record_limit() follows.
constexpr std::size_t kSmallBatchBytes = std::size_t{32} << 10;

}  // namespace

void Engine::source_loop(std::uint32_t source) noexcept {
  Status status = guarded([&] { return receive_all(source); });
  if (abandoned_.load()) return;
  if (!status) fail_at_node(std::move(status.error()), sources_[source].node);
  {
    const std::lock_guard lock(state_);
    --sources_running_;
  }
  wake();
}

// Room is reserved before a receive, and no source keeps it from the others while it waits for data. What
// stages will make of the bytes is reserved with them, as far as it is known.
Engine::Reservation Engine::reservation(const Source& source) const {
  const std::size_t share = budget_.load(std::memory_order_relaxed) / sources_.size();
  const double expansion = source.expansion.load(std::memory_order_relaxed);
  Reservation found;
  found.probe = governor_ && source.has_stages && expansion < 0;
  const double room = static_cast<double>(share) / (1 + std::max(expansion, 0.0));
  found.most = std::max<std::size_t>(1, static_cast<std::size_t>(room));
  if (found.probe) found.most = std::min(found.most, kProbeBytes);
  found.bytes = std::clamp<std::size_t>(options_.batch_bytes, 1, found.most);
  if (any_sink_wants(&runtime::Sink::wants_small_batches))
    found.bytes = std::min(found.bytes, kSmallBatchBytes);
  found.charge = charge_of(source, found.bytes);
  return found;
}

// What a batch keeps of each record (Slice, Record) is memory as well, which no lease shows: it must not be
// many times the bytes. Records shorter than this on average make smaller batches.
std::size_t Engine::record_limit(std::size_t bytes) const {
  constexpr std::size_t kShortRecord = 16;
  const std::size_t by_bytes = std::max<std::size_t>(1, bytes / kShortRecord);
  const std::size_t governed = most_records_.load(std::memory_order_relaxed);
  return governed == 0 ? by_bytes : std::min(governed, by_bytes);
}

std::size_t Engine::charge_of(const Source& source, std::size_t bytes) const {
  const double expansion = source.expansion.load(std::memory_order_relaxed);
  if (!(expansion > 0)) return bytes;
  return bytes + static_cast<std::size_t>(static_cast<double>(bytes) * expansion);
}

// One receive into the delivery's block. What the receiver gave is checked.
Result<Received> Engine::receive(Source& source, Delivery& delivery, const Reservation& reserved) {
  // A sink may have kept the batch, and with it the block.
  if (!delivery.block || delivery.block.use_count() != 1) delivery.block = std::make_shared<Block>();
  delivery.block->clear();
  delivery.block->data = buffers_.get(reserved.bytes);
  runtime::ReceiveLimits limits;
  limits.max_bytes = reserved.bytes;
  limits.max_records = record_limit(reserved.bytes);
  limits.largest_record = largest_record_;
  return checked(source.receiver->receive(limits, *delivery.block), *delivery.block);
}

// D13: commits wait for no gate, and those of a transaction come from here.
Engine::Pass Engine::pass_gate(const Source& source) {
  if (!governor_) return Pass::open;
  constexpr Milliseconds kLook{50};
  for (;;) {
    const bool queued = queued_by(source) != 0;
    switch (gate_.wait_for(kLook, queued)) {
      case Gate::State::open:
        return Pass::open;
      case Gate::State::draining:
        if (queued) return Pass::alone;
        break;
      case Gate::State::closed:
        break;
      case Gate::State::halted:
        return Pass::none;
    }
    if (plan_.transactional) end_transaction_when_due();
  }
}

bool Engine::still_passes(Pass pass) const {
  return !governor_ || gate_.is_open() || (pass == Pass::alone && gate_.drains());
}

// A receiver that says "idle" without having waited is not asked over and over (D9).
void Engine::rest(Source& source, Time asked) {
  constexpr Milliseconds kWaited{1}, kLongest{50};
  if (std::chrono::steady_clock::now() - asked >= kWaited) {
    source.rest = Milliseconds(0);
    return;
  }
  std::unique_lock lock(state_);
  state_changed_.wait_for(lock, source.rest, [&] { return ending_since_.has_value(); });
  source.rest = std::clamp(2 * source.rest, Milliseconds(1), kLongest);
}

Status Engine::receive_all(std::uint32_t number) {
  Source& source = sources_[number];
  while (!ending()) {
    if (plan_.transactional) end_transaction_when_due();
    const Pass pass = pass_gate(source);
    if (pass == Pass::none) return {};
    const Reservation reserved = reservation(source);
    if (!limiter_.acquire(reserved.charge, pass == Pass::alone)) return {};
    if (!still_passes(pass)) {
      limiter_.release(reserved.charge);
      continue;
    }
    if (governor_ && in_flight_.load(std::memory_order_relaxed) != 0) {
      // What it holds itself does not grow by being received, and one batch goes on in any case.
      const std::size_t own = queued_by(source);
      const std::size_t all = tracked().bytes;
      if (governor_->too_much(all - std::min(all, own))) {
        limiter_.release(reserved.charge);
        have_it_look();
        continue;
      }
    }
    Delivery* delivery = nullptr;
    must([&] { delivery = deliveries_.get(); });
    const auto give_back = [&] {
      limiter_.release(reserved.charge);
      if (delivery->block) delivery->block->data = {};
      deliveries_.put(delivery);
    };
    const Time asked = std::chrono::steady_clock::now();
    Result<Received> received =
        foreign(Activity::Call::receive, source.node, [&] { return receive(source, *delivery, reserved); });
    if (abandoned_.load()) return {};
    if (!received || *received != Received::records || failure_.any()) {
      give_back();
      if (!received) return received.error();
      if (*received == Received::end) return {};
      if (*received == Received::idle) rest(source, asked);
      continue;
    }
    source.rest = Milliseconds(0);
    if (delivery->block->reader) delivery->block->data = {};  // a worker gets a buffer when it comes to it
    const std::size_t bytes = delivery->block->bytes();
    last_received_.store(bytes, std::memory_order_relaxed);
    const std::vector<runtime::Slice>& origins = delivery->block->origins;
    if (origins.size() > 1 && bytes - std::min<std::size_t>(bytes, origins.back().size) > reserved.bytes &&
        plan_.commit == CommitMode::automatic) {
      std::shared_ptr<Block> block = std::move(delivery->block);
      deliveries_.put(delivery);
      limiter_.release(reserved.charge);
      admit_parts(number, std::move(block));
      continue;
    }
    delivery->bytes = bytes;
    delivery->lease = charge_of(source, bytes);
    limiter_.correct(reserved.charge, delivery->lease);
    admit(number, delivery);
    if (reserved.probe && !source.probed.wait()) return {};
  }
  return {};
}

// A receive that brought more than it was asked for: where it is more than the budget it goes on in parts
// that share the bytes, and the last one has the positions. Between them nothing is a commit point: a
// checkpoint would hold the sinks' state in the middle of the receive and the source's at its beginning.
void Engine::admit_parts(std::uint32_t number, std::shared_ptr<Block> block) {
  Source& source = sources_[number];
  const std::size_t records = block->origins.size();
  for (std::size_t first = 0; first < records;) {
    const Reservation room = reservation(source);  // anew: the budget may have changed
    const std::size_t count = part_size(*block, first, room.most);
    const std::size_t bytes = part_bytes(*block, first, count);
    const std::size_t charge = charge_of(source, bytes);
    const bool last = first + count == records;
    limiter_.acquire_rest(charge);
    Delivery* delivery = nullptr;
    must([&] { delivery = deliveries_.get(); });
    if (last && first == 0) {
      delivery->block = block;  // all of it
    } else {
      if (first == 0) {
        const std::lock_guard lock(admission_);
        ++split_;
      }
      must([&] { delivery->block = part_of(*block, first, count); });
      delivery->ends_split = last;
    }
    if (last) block.reset();
    delivery->bytes = bytes;
    delivery->lease = charge;
    admit(number, delivery);
    if (room.probe) source.probed.wait();
    first += count;
  }
}

bool Engine::any_sink_wants(bool (runtime::Sink::*what)() const) const {
  bool any = false;
  // A sink that throws here says nothing.
  static_cast<void>(guarded([&]() -> Status {
    for (const SinkEnd& end : sinks_) any = any || (*end.sink.*what)();
    return {};
  }));
  return any;
}

// Is the batch that is being admitted one to commit at? admission_ is held.
bool Engine::is_commit_point() {
  if (plan_.commit == CommitMode::sink) return false;
  if (plan_.transactional || split_ > 0) {
    behind_commit_point_ = true;
    return false;
  }
  if (options_.commit_interval.count() > 0) {
    const Time now = options_.clock->steady_now();
    if (now - last_commit_point_ < options_.commit_interval &&
        !any_sink_wants(&runtime::Sink::wants_commit)) {
      behind_commit_point_ = true;
      return false;
    }
    last_commit_point_ = now;
  }
  behind_commit_point_ = false;
  return true;
}

void Engine::admit(std::uint32_t source, Delivery* delivery) noexcept {
  const Block& block = *delivery->block;
  counters_.records_in.fetch_add(block.origins.size(), std::memory_order_relaxed);  // unread: by read()
  counters_.bytes_in.fetch_add(delivery->bytes, std::memory_order_relaxed);
  counters_.batches.fetch_add(1, std::memory_order_relaxed);
  Parcel* parcel = nullptr;
  must([&] { parcel = parcels_.get(); });
  parcel->delivery = delivery;
  parcel->ordinal = 0;
  delivery->source = source;
  delivery->has_source = true;
  delivery->made = 0;
  if (governor_) {
    delivery->received = options_.clock->steady_now();
    delivery->worked.store(0, std::memory_order_relaxed);
  }
  must([&] { delivery->numbers.assign(sinks_.size(), 0); });

  std::uint32_t extra =
      0;  // sinks that the source does not reach, but which must note their state at a commit point
  {
    const std::lock_guard lock(admission_);
    delivery->sequence = next_sequence_++;
    if (std::exchange(delivery->ends_split, false)) --split_;
    delivery->commit_point = is_commit_point();
    for (std::size_t i = 0; i < sinks_.size(); ++i) {
      const bool reached = topology_.reaches(source, sinks_[i].node);
      if (!reached && !delivery->commit_point) continue;
      delivery->numbers[i] = sinks_[i].next_number++;
      if (!reached) ++extra;
    }
    in_flight_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard barrier_lock(barrier_mutex_);
    must([&] { barrier_.admit(delivery->sequence, source, block.ranges, delivery->commit_point); });
    // For messages only.
    static_cast<void>(guarded([&] { note_names(source, block); }));
  }
  delivery->branches.start(topology_.terminals[source] + extra);
  if (extra > 0) {
    for (std::uint32_t i = 0; i < sinks_.size(); ++i) {
      if (!topology_.reaches(source, sinks_[i].node)) send_to_sink(i, delivery);
    }
  }
  must([&] { flow_->submit(sources_[source].node, parcel); });
}

// barrier_mutex_ is held.
void Engine::note_names(std::uint32_t source, const Block& block) {
  for (const runtime::PositionRange& range : block.ranges) {
    PositionName& name = position_names_[{source, range.partition}];
    if (!block.topic.empty()) {
      if (name.name.empty()) name.name = fmt::format("{}[{}]", block.topic, block.partition);
    } else if (name.name != block.source) {
      name.name = block.source;
    }
    name.bytes = block.byte_positions;
  }
}

// An empty batch that visits the sinks alone: at the end of the input, and when a source goes quiet.
void Engine::admit_commit_point() noexcept {
  Delivery* delivery = nullptr;
  {
    const std::lock_guard lock(admission_);
    if (!behind_commit_point_ || split_ > 0) return;
    behind_commit_point_ = false;
    last_commit_point_ = options_.clock->steady_now();
    must([&] { delivery = deliveries_.get(); });
    delivery->has_source = false;
    delivery->commit_point = true;
    delivery->lease = 0;
    must([&] { delivery->numbers.assign(sinks_.size(), 0); });
    delivery->sequence = next_sequence_++;
    for (std::size_t i = 0; i < sinks_.size(); ++i) delivery->numbers[i] = sinks_[i].next_number++;
    in_flight_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard barrier_lock(barrier_mutex_);
    must([&] { barrier_.admit(delivery->sequence, 0, {}, true); });
    transaction_ending_ = plan_.transactional;
  }
  if (sinks_.empty()) {
    must([&] {
      flow_->post([this, delivery] { must([&] { routes_->arrive(delivery->sequence, delivery); }); });
    });
    return;
  }
  delivery->branches.start(static_cast<std::uint32_t>(sinks_.size()));
  for (std::uint32_t i = 0; i < sinks_.size(); ++i) send_to_sink(i, delivery);
}

// A receiver asks for it. A transaction is ended by the source's own thread, between two receives.
void Engine::want_commit() noexcept {
  if (plan_.transactional) {
    commit_wanted_.store(true, std::memory_order_release);
  } else {
    admit_commit_point();
  }
}

// Exactly once: the transaction has to hold the outputs of its positions and of nothing behind them, so the
// source stands still from a commit point until it is committed.
void Engine::end_transaction_when_due() {
  {
    const std::lock_guard lock(admission_);
    if (!behind_commit_point_) {
      commit_wanted_.store(false, std::memory_order_relaxed);
      return;
    }
    const bool wanted = commit_wanted_.exchange(false, std::memory_order_acq_rel);
    if (!wanted && options_.clock->steady_now() - last_commit_point_ < options_.commit_interval) return;
  }
  admit_commit_point();
  constexpr Milliseconds kLook{50};  // an ending run does not notify
  std::unique_lock lock(barrier_mutex_);
  while (transaction_ending_ && !ending()) transaction_ended_.wait_for(lock, kLook);
}

void Engine::send_to_sink(std::uint32_t sink, Delivery* delivery) {
  Parcel* parcel = nullptr;
  must([&] { parcel = parcels_.get(); });
  parcel->delivery = delivery;
  parcel->batch.release();
  must([&] { flow_->submit(sinks_[sink].node, parcel); });
}

}  // namespace pipec::graph
