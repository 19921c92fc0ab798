#include "graph/nodes/recv_node.h"

#include <algorithm>
#include <utility>

#include "graph/check_block.h"
#include "graph/governing.h"
#include "graph/state/split.h"

namespace pipec::graph {

using runtime::Block;
using runtime::Received;
using runtime::Result;
using runtime::Status;
using Milliseconds = std::chrono::milliseconds;

RecvNode::RecvNode(const Shared& shared, Wiring& wiring, std::uint32_t source, const Connectors& connectors,
                   Admission& admission, Governing* governing)
    : in(add_node<Permit>(wiring, shared.plan.nodes[shared.topology.sources[source]].name, "recv",
                          Wiring::Runs::own_thread,
                          [this](const Permit& permit) {
                            const std::lock_guard lock(mutex_);
                            permit_ = permit;
                            changed_.notify_one();
                          })),
      batches(add_port<BatchView*>(wiring, in)),
      requests(add_port<LimiterCall>(wiring, in, "request")),
      shared_(shared),
      source_(source),
      node_(shared.topology.sources[source]),
      connectors_(connectors),
      admission_(admission),
      governing_(governing) {}

void RecvNode::run() noexcept {
  Status status = runtime::guarded([&] { return receive_all(); });
  if (!status && !shared_.faults.abandoned()) shared_.faults.fail_at(std::move(status.error()), node_);
}

void RecvNode::wake() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

// Waits for the permit; false: the run ends.
bool RecvNode::ask(std::size_t bytes, bool alone, bool rest) {
  requests.hand_on({LimiterCall::What::request, alone, rest, source_, bytes});
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return permit_.has_value(); });
  return std::exchange(permit_, std::nullopt)->granted;
}

void RecvNode::give_back(std::size_t bytes) const {
  requests.hand_on({LimiterCall::What::credit, false, false, source_, bytes});
}

// D13: commits do not wait for the gate, and a transaction's commits are triggered here.
RecvNode::Pass RecvNode::pass_gate() {
  if (!governing_) return Pass::open;
  constexpr Milliseconds kLook{50};
  for (;;) {
    const bool queued = connectors_.queued_by(source_) != 0;
    switch (governing_->gate().wait_for(kLook, queued)) {
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
    if (shared_.plan.transactional) admission_.end_transaction_when_due();
  }
}

bool RecvNode::still_passes(Pass pass) const {
  if (!governing_) return true;
  return governing_->gate().is_open() || (pass == Pass::alone && governing_->gate().drains());
}

// The batch's own bytes do not grow by being received, and one batch always proceeds.
bool RecvNode::too_much_memory() const {
  return governing_ && governing_->too_much_beside(connectors_.queued_by(source_));
}

Status RecvNode::receive_all() {
  while (!shared_.faults.ending()) {
    if (shared_.plan.transactional) admission_.end_transaction_when_due();
    const Pass pass = pass_gate();
    if (pass == Pass::none) return {};
    const Leases::Reservation reserved =
        shared_.leases.reservation(source_, connectors_.sinks_want_small_batches());
    if (!ask(reserved.charge, pass == Pass::alone)) return {};
    if (!still_passes(pass)) {
      give_back(reserved.charge);
      continue;
    }
    if (too_much_memory()) {
      give_back(reserved.charge);
      governing_->have_it_look();
      continue;
    }
    InFlightBatch* in_flight = nullptr;
    shared_.faults.must([&] { in_flight = shared_.pools.in_flight.get(); });
    const auto asked = std::chrono::steady_clock::now();
    Result<Received> received =
        shared_.faults.foreign(Activity::Call::receive, node_, [&] { return receive(*in_flight, reserved); });
    if (shared_.faults.abandoned()) return {};
    if (!received || *received != Received::records || shared_.faults.any()) {
      give_back(reserved.charge);
      if (in_flight->block) in_flight->block->data = {};
      shared_.pools.in_flight.put(in_flight);
      if (!received) return received.error();
      if (*received == Received::end) {
        admission_.source_ended(source_);
        return {};
      }
      if (*received == Received::idle) rest(asked);
      continue;
    }
    rest_ = Milliseconds(0);
    Block& block = *in_flight->block;
    if (block.reader) block.data = {};  // a worker takes a buffer when it needs one
    const std::size_t bytes = block.bytes();
    shared_.leases.received(bytes);
    if (is_more_than_asked(block, reserved)) {
      std::shared_ptr<Block> parts = std::move(in_flight->block);
      shared_.pools.in_flight.put(in_flight);
      give_back(reserved.charge);
      send_parts(std::move(parts));
      continue;
    }
    const std::size_t lease = shared_.leases.charge_of(source_, bytes);
    shared_.leases.limiter().correct(reserved.charge, lease);
    send(*in_flight, bytes, lease);
    if (reserved.probe && !shared_.leases.wait_probed(source_)) return {};
  }
  return {};
}

// One receive into the in-flight batch's block. The receiver's result is checked.
Result<Received> RecvNode::receive(InFlightBatch& in_flight, const Leases::Reservation& reserved) {
  // A sink may have kept the batch, and with it the block.
  if (!in_flight.block || in_flight.block.use_count() != 1) in_flight.block = std::make_shared<Block>();
  in_flight.block->clear();
  in_flight.block->data = shared_.pools.buffers.get(reserved.bytes);
  runtime::ReceiveLimits limits;
  limits.max_bytes = reserved.bytes;
  limits.max_records = shared_.leases.record_limit(reserved.bytes);
  limits.largest_record = governing_ ? governing_->largest_record() : 0;
  return checked(connectors_.sources()[source_].receiver->receive(limits, *in_flight.block),
                 *in_flight.block);
}

bool RecvNode::is_more_than_asked(const Block& block, const Leases::Reservation& reserved) const {
  if (block.origins.size() <= 1 || shared_.plan.commit != CommitMode::automatic) return false;
  const std::size_t bytes = block.bytes();
  return bytes - std::min<std::size_t>(bytes, block.origins.back().size) > reserved.bytes;
}

// A receive that returned more than requested. If it exceeds the budget, it is sent in parts that share the
// bytes; the last part has the positions. There is no commit point between the parts: a checkpoint there
// would hold the sinks' state in the middle of the receive and the source's position at its beginning.
void RecvNode::send_parts(std::shared_ptr<Block> block) {
  const std::size_t records = block->origins.size();
  for (std::size_t first = 0; first < records;) {
    const Leases::Reservation room =
        shared_.leases.reservation(source_);  // recomputed: the budget may have changed
    const std::size_t count = part_size(*block, first, room.most);
    const std::size_t bytes = part_bytes(*block, first, count);
    const std::size_t lease = shared_.leases.charge_of(source_, bytes);
    const bool last = first + count == records;
    ask(lease, false, true);
    InFlightBatch* in_flight = nullptr;
    shared_.faults.must([&] { in_flight = shared_.pools.in_flight.get(); });
    if (last && first == 0) {
      in_flight->block = block;  // all of it
    } else {
      if (first == 0) admission_.begin_parts();
      shared_.faults.must([&] { in_flight->block = part_of(*block, first, count); });
      in_flight->ends_split = last;
    }
    if (last) block.reset();
    send(*in_flight, bytes, lease);
    if (room.probe) shared_.leases.wait_probed(source_);
    first += count;
  }
}

void RecvNode::send(InFlightBatch& in_flight, std::size_t bytes, std::size_t lease) {
  in_flight.bytes = bytes;
  in_flight.lease = lease;
  BatchView* view = admission_.admit(source_, in_flight);
  shared_.faults.must([&] { batches.hand_on(view); });
}

// A receiver that reports "idle" without having waited is not polled in a tight loop (D9).
void RecvNode::rest(std::chrono::steady_clock::time_point asked) {
  constexpr Milliseconds kWaited{1}, kLongest{50};
  if (std::chrono::steady_clock::now() - asked >= kWaited) {
    rest_ = Milliseconds(0);
    return;
  }
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, rest_, [&] { return shared_.faults.ending(); });
  rest_ = std::clamp(2 * rest_, Milliseconds(1), kLongest);
}

}  // namespace pipec::graph
