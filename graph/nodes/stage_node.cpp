#include "graph/nodes/stage_node.h"

#include <utility>

namespace pipec::graph {

using runtime::Batch;
using runtime::Record;

StageNode::StageNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
    : in(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "stage", Wiring::Runs::parallel,
                              [this](BatchView* view) { take(view); })),
      out{.out = add_port<BatchView*>(wiring, in)},
      shared_(shared),
      node_(node),
      scratch_(shared.threads, [stage = shared.plan.nodes[node].stage] { return stage->make_scratch(); }) {}

void StageNode::take(BatchView* view) {
  if (!shared_.faults.alive(*view->in_flight)) view->batch.records.clear();
  if (!view->batch.records.empty()) run(*view);
  out.send(shared_, view);
}

void StageNode::run(BatchView& view) {
  InFlightBatch& in_flight = *view.in_flight;
  Batch& batch = view.batch;
  StageVisit visit(shared_, node_, view, out.outline);
  if (shared_.leases.governed() && shared_.topology.ends_behind[in_flight.feed][node_] != 0) {
    visit.context().allow_output(shared_.leases.output_allowance(in_flight));
  }
  const bool done = visit.run([&] {
    const ScratchPool::Lease scratch(scratch_);
    return shared_.plan.nodes[node_].stage->process(batch, scratch.get(), visit.context());
  });
  if (!done) return;
  if (!visit.rest().empty()) split(view, visit.rest(), visit.buffers_before());
  // A stage that emptied the batch by assigning a new one has lost nothing: block and positions are the
  // in-flight batch's.
  if (!batch.has_block()) {
    shared_.faults.must([&] { batch.assign(in_flight.block, shared_.pools.buffers); });
    batch.records.clear();
  }
}

// The view holds the records that the stage has processed, and continues as a part.
void StageNode::split(BatchView& view, std::vector<Record>& rest, std::size_t buffers_before) {
  Split* split = nullptr;
  shared_.faults.must([&] { split = shared_.pools.splits.get(); });
  split->node = node_;
  split->outer = view.split;
  split->ends.store(shared_.topology.ends_behind[view.in_flight->feed][node_], std::memory_order_relaxed);
  split->made = Leases::made_in(view.batch, buffers_before);
  split->rest = shared_.new_view(*view.in_flight);
  Batch& batch = split->rest->batch;
  shared_.faults.must([&] { batch = view.batch; });
  batch.outline = {};
  batch.buffers.resize(buffers_before);  // the part's buffers are released with it
  batch.records.swap(rest);
  view.split = split;
}

}  // namespace pipec::graph
