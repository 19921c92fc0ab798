// Where batches come in: source threads, and the total order.
#include <fmt/format.h>

#include <algorithm>

#include "graph/engine.h"
#include "graph/guarded.h"

namespace pipec::graph {

using runtime::Block;
using runtime::Received;
using runtime::Result;
using runtime::Status;

void Engine::source_loop(std::uint32_t source) {
  Status status = guarded([&] { return receive_all(source); });
  if (abandoned_.load()) return;
  if (!status) {
    failure_.fail_source(at_node(std::move(status.error()), sources_[source].node));
    end_early();
  }
  {
    const std::lock_guard lock(state_);
    --sources_running_;
  }
  wake();
}

Status Engine::receive_all(std::uint32_t source) {
  runtime::Receiver& receiver = *sources_[source].receiver;
  // Room is reserved before a receive, and no source keeps it from the others while it waits for data.
  const std::size_t share = options_.budget_bytes / sources_.size();
  const std::size_t reserved = std::max<std::size_t>(1, std::min(options_.batch_bytes, share));
  while (!ending()) {
    if (plan_.transactional) end_transaction_when_due();
    if (!limiter_.acquire(reserved)) return {};
    Delivery* delivery = deliveries_.get();
    const auto give_back = [&] {
      limiter_.release(reserved);
      delivery->block->data = {};
      deliveries_.put(delivery);
    };
    // A sink may have kept the batch, and with it the block.
    if (!delivery->block || delivery->block.use_count() != 1) delivery->block = std::make_shared<Block>();
    delivery->block->clear();
    delivery->block->data = buffers_.get(reserved);
    runtime::ReceiveLimits limits;
    limits.max_bytes = reserved;
    Result<Received> received = guarded([&] { return receiver.receive(limits, *delivery->block); });
    if (abandoned_.load()) return {};
    if (!received || *received != Received::records || failure_.any()) {
      give_back();
      if (!received) return received.error();
      if (*received == Received::end) return {};
      continue;
    }
    const std::size_t bytes = delivery->block->bytes();
    limiter_.correct(reserved, bytes);
    delivery->lease = bytes;
    admit(source, delivery);
  }
  return {};
}

// Is the batch that is being admitted one to commit at? admission_ is held.
bool Engine::is_commit_point() {
  if (plan_.commit == CommitMode::sink) return false;
  if (plan_.transactional) {
    behind_commit_point_ = true;
    return false;
  }
  if (options_.commit_interval.count() > 0) {
    const Time now = options_.clock->steady_now();
    if (now - last_commit_point_ < options_.commit_interval) {
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
  counters_.records_in.fetch_add(block.origins.size(), std::memory_order_relaxed);
  counters_.bytes_in.fetch_add(block.bytes(), std::memory_order_relaxed);
  counters_.batches.fetch_add(1, std::memory_order_relaxed);
  Parcel* parcel = parcels_.get();
  parcel->delivery = delivery;
  parcel->ordinal = 0;
  delivery->source = source;
  delivery->has_source = true;
  delivery->numbers.assign(sinks_.size(), 0);

  std::uint32_t extra =
      0;  // sinks that the source does not reach, but which must note their state at a commit point
  {
    const std::lock_guard lock(admission_);
    delivery->sequence = next_sequence_++;
    delivery->commit_point = is_commit_point();
    for (std::size_t i = 0; i < sinks_.size(); ++i) {
      const bool reached = topology_.reaches(source, sinks_[i].node);
      if (!reached && !delivery->commit_point) continue;
      delivery->numbers[i] = sinks_[i].next_number++;
      if (!reached) ++extra;
    }
    in_flight_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard barrier_lock(barrier_mutex_);
    barrier_.admit(delivery->sequence, source, block.ranges, delivery->commit_point);
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
  delivery->branches.start(topology_.terminals[source] + extra);
  if (extra > 0) {
    for (std::uint32_t i = 0; i < sinks_.size(); ++i) {
      if (!topology_.reaches(source, sinks_[i].node)) send_to_sink(i, delivery);
    }
  }
  flow_->submit(sources_[source].node, parcel);
}

// An empty batch that visits the sinks alone: at the end of the input, and when a source goes quiet.
void Engine::admit_commit_point() noexcept {
  Delivery* delivery = nullptr;
  {
    const std::lock_guard lock(admission_);
    if (!behind_commit_point_) return;
    behind_commit_point_ = false;
    last_commit_point_ = options_.clock->steady_now();
    delivery = deliveries_.get();
    delivery->has_source = false;
    delivery->commit_point = true;
    delivery->lease = 0;
    delivery->numbers.clear();
    delivery->sequence = next_sequence_++;
    for (SinkEnd& end : sinks_) delivery->numbers.push_back(end.next_number++);
    in_flight_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard barrier_lock(barrier_mutex_);
    barrier_.admit(delivery->sequence, 0, {}, true);
    transaction_ending_ = plan_.transactional;
  }
  if (sinks_.empty()) {
    flow_->post([this, delivery] { routes_->arrive(delivery->sequence, delivery); });
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
  Parcel* parcel = parcels_.get();
  parcel->delivery = delivery;
  parcel->batch.release();
  flow_->submit(sinks_[sink].node, parcel);
}

}  // namespace pipec::graph
