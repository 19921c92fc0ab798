#include "graph/nodes/read_node.h"

#include <limits>
#include <utility>

#include "graph/check_block.h"
#include "graph/visit_context.h"

namespace pipec::graph {

using runtime::Block;
using runtime::Error;
using runtime::guarded;
using runtime::Record;
using runtime::Status;

namespace {

constexpr std::uint32_t kTaken = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kBytesOfRecord = sizeof(runtime::Slice) + sizeof(Record);

}  // namespace

ReadNode::ReadNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
    : in(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "read", Wiring::Runs::parallel,
                              [this](BatchView* view) { take(view); })),
      out{.out = add_port<BatchView*>(wiring, in)},
      shared_(shared),
      node_(node) {}

void ReadNode::take(BatchView* view) {
  InFlightBatch& in_flight = *view->in_flight;
  if (in_flight.block->reader) read(in_flight);
  make_records(*view);
  out.send(shared_, view);
}

void ReadNode::read(InFlightBatch& in_flight) {
  Block& block = *in_flight.block;
  const std::shared_ptr<const runtime::Reader> reader = std::move(block.reader);
  Status status = shared_.faults.foreign(Activity::Call::read, node_, [&]() -> Status {
    if (!shared_.faults.alive(in_flight)) return {};
    block.data = shared_.pools.buffers.get(block.unread_bytes);
    if (Status done = reader->read(block); !done) return done;
    return check_records(block);
  });
  if (!status) {
    shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
    block.origins.clear();
    return;
  }
  Counters::add(shared_.counters.records_in, block.origins.size());
  // Records so short that the source would have given fewer of them are memory that no lease shows.
  const std::size_t many = shared_.leases.record_limit(in_flight.bytes);
  if (block.origins.size() > many) {
    shared_.leases.note_made(in_flight, (block.origins.size() - many) * kBytesOfRecord);
  }
}

// Here and not in the source's thread: the records are written where they are read next.
void ReadNode::make_records(BatchView& view) {
  InFlightBatch& in_flight = *view.in_flight;
  Status status = guarded([&] { view.batch.assign(in_flight.block, shared_.pools.buffers); });
  if (!status) {
    shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
    view.batch.records.clear();
  } else if (!in_flight.block->rejected.empty()) {
    take_rejected(view);
  }
  const std::size_t read = in_flight.block->origins.size();
  const std::size_t records = view.batch.records.size();
  shared_.nodes[node_].count(read, records, status ? read - records : 0);
}

// Input that the source could not read becomes a dead letter before any stage sees it.
void ReadNode::take_rejected(BatchView& view) {
  InFlightBatch& in_flight = *view.in_flight;
  const Node& node = shared_.plan.nodes[node_];
  Status status = guarded([&]() -> Status {
    VisitContext context(in_flight, node.name, node.place, node_);
    std::vector<Record>& records = view.batch.records;  // here still one for each origin
    for (const runtime::Rejected& rejected : in_flight.block->rejected) {
      if (rejected.origin >= records.size()) {
        return Error{"internal", "the source rejects a record that is not in its block", {}, {}, false};
      }
      context.dead_letter(records[rejected.origin], rejected.reason, nullptr);
      records[rejected.origin].origin = kTaken;
    }
    std::erase_if(records, [](const Record& record) { return record.origin == kTaken; });
    context.hand_over();
    shared_.leases.note_made(in_flight, context.letter_bytes());
    return {};
  });
  if (!status) {
    shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
    view.batch.records.clear();
  }
}

}  // namespace pipec::graph
