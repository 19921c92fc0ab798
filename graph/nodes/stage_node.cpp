#include "graph/nodes/stage_node.h"

#include <utility>

namespace pipec::graph {

using runtime::Batch;
using runtime::Record;

StageNode::StageNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
    : in(add_node<Parcel*>(wiring, shared.plan.nodes[node].name, "stage", Wiring::Runs::parallel,
                           [this](Parcel* parcel) { take(parcel); })),
      out{.out = add_port<Parcel*>(wiring, in)},
      shared_(shared),
      node_(node),
      scratch_(shared.threads, [stage = shared.plan.nodes[node].stage] { return stage->make_scratch(); }) {}

void StageNode::take(Parcel* parcel) {
  if (!shared_.faults.alive(*parcel->delivery)) parcel->batch.records.clear();
  if (!parcel->batch.records.empty()) run(*parcel);
  out.send(shared_, parcel);
}

void StageNode::run(Parcel& parcel) {
  Delivery& delivery = *parcel.delivery;
  Batch& batch = parcel.batch;
  StageVisit visit(shared_, node_, parcel, out.outline);
  if (shared_.leases.governed() && shared_.topology.ends_behind[delivery.feed][node_] != 0) {
    visit.context().allow_output(shared_.leases.output_allowance(delivery));
  }
  const bool done = visit.run([&] {
    const ScratchPool::Lease scratch(scratch_);
    return shared_.plan.nodes[node_].stage->process(batch, scratch.get(), visit.context());
  });
  if (!done) return;
  if (!visit.rest().empty()) split(parcel, visit.rest(), visit.buffers_before());
  // A stage that emptied the batch by assigning a new one has lost nothing: block and positions are the
  // delivery's.
  if (!batch.has_block()) {
    shared_.faults.must([&] { batch.assign(delivery.block, shared_.pools.buffers); });
    batch.records.clear();
  }
}

// The parcel holds what the stage has done, and goes on as a part.
void StageNode::split(Parcel& parcel, std::vector<Record>& rest, std::size_t buffers_before) {
  Split* split = nullptr;
  shared_.faults.must([&] { split = shared_.pools.splits.get(); });
  split->node = node_;
  split->outer = parcel.split;
  split->ends.store(shared_.topology.ends_behind[parcel.delivery->feed][node_], std::memory_order_relaxed);
  split->made = Leases::made_in(parcel.batch, buffers_before);
  split->rest = shared_.new_parcel(*parcel.delivery);
  Batch& batch = split->rest->batch;
  shared_.faults.must([&] { batch = parcel.batch; });
  batch.outline = {};
  batch.buffers.resize(buffers_before);  // what the part holds is let go with it
  batch.records.swap(rest);
  parcel.split = split;
}

}  // namespace pipec::graph
