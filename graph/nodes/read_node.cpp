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
    : in(add_node<Parcel*>(wiring, shared.plan.nodes[node].name, "read", Wiring::Runs::parallel,
                           [this](Parcel* parcel) { take(parcel); })),
      out{.out = add_port<Parcel*>(wiring, in)},
      shared_(shared),
      node_(node) {}

void ReadNode::take(Parcel* parcel) {
  Delivery& delivery = *parcel->delivery;
  if (delivery.block->reader) read(delivery);
  make_records(*parcel);
  out.send(shared_, parcel);
}

void ReadNode::read(Delivery& delivery) {
  Block& block = *delivery.block;
  const std::shared_ptr<const runtime::Reader> reader = std::move(block.reader);
  Status status = shared_.faults.foreign(Activity::Call::read, node_, [&]() -> Status {
    if (!shared_.faults.alive(delivery)) return {};
    block.data = shared_.pools.buffers.get(block.unread_bytes);
    if (Status done = reader->read(block); !done) return done;
    return check_records(block);
  });
  if (!status) {
    shared_.faults.fail_batch(delivery, std::move(status.error()), node_);
    block.origins.clear();
    return;
  }
  Counters::add(shared_.counters.records_in, block.origins.size());
  // Records so short that the source would have given fewer of them are memory that no lease shows.
  const std::size_t many = shared_.leases.record_limit(delivery.bytes);
  if (block.origins.size() > many) {
    shared_.leases.note_made(delivery, (block.origins.size() - many) * kBytesOfRecord);
  }
}

// Here and not in the source's thread: the records are written where they are read next.
void ReadNode::make_records(Parcel& parcel) {
  Delivery& delivery = *parcel.delivery;
  Status status = guarded([&] { parcel.batch.assign(delivery.block, shared_.pools.buffers); });
  if (!status) {
    shared_.faults.fail_batch(delivery, std::move(status.error()), node_);
    parcel.batch.records.clear();
  } else if (!delivery.block->rejected.empty()) {
    take_rejected(parcel);
  }
}

// What the source could not read is a dead letter before any stage sees it.
void ReadNode::take_rejected(Parcel& parcel) {
  Delivery& delivery = *parcel.delivery;
  const Node& node = shared_.plan.nodes[node_];
  Status status = guarded([&]() -> Status {
    VisitContext context(delivery, node.name, node.place, node_);
    std::vector<Record>& records = parcel.batch.records;  // here still one for each origin
    for (const runtime::Rejected& rejected : delivery.block->rejected) {
      if (rejected.origin >= records.size()) {
        return Error{"internal", "the source rejects a record that is not in its block", {}, {}, false};
      }
      context.dead_letter(records[rejected.origin], rejected.reason, nullptr);
      records[rejected.origin].origin = kTaken;
    }
    std::erase_if(records, [](const Record& record) { return record.origin == kTaken; });
    context.hand_over();
    shared_.leases.note_made(delivery, context.letter_bytes());
    return {};
  });
  if (!status) {
    shared_.faults.fail_batch(delivery, std::move(status.error()), node_);
    parcel.batch.records.clear();
  }
}

}  // namespace pipec::graph
