#include "graph/nodes/route_node.h"

#include <algorithm>
#include <utility>

#include "graph/check_block.h"
#include "graph/work_timer.h"

namespace pipec::graph {

using runtime::Batch;
using runtime::Record;
using runtime::Status;

RouteNode::RouteNode(const Shared& shared, Wiring& wiring, std::uint32_t node)
    : in(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "route", Wiring::Runs::parallel,
                              [this](BatchView* view) { take(view); })),
      shared_(shared),
      node_(node),
      scratch_(shared.threads, [router = shared.plan.nodes[node].router] { return router->make_scratch(); }) {
  for (std::size_t i = 0; i < shared.topology.edges[node].size(); ++i) {
    arms.push_back({.out = add_port<BatchView*>(wiring, in)});
  }
}

void RouteNode::take(BatchView* view) {
  InFlightBatch& in_flight = *view->in_flight;
  if (!shared_.faults.alive(in_flight)) view->batch.records.clear();
  std::vector<Batch>* kept = nullptr;
  shared_.faults.must([&] { kept = kept_.get(); });
  std::vector<Batch>& batches = *kept;
  shared_.faults.must([&] { batches.resize(arms.size()); });
  if (!choose(*view, batches)) {
    for (Batch& batch : batches) batch.records.clear();
  }
  // Before the parts leave: when they are through, the in-flight batch is settled, and its lease is another
  // batch's.
  if (view->outlined != 0) shared_.leases.note_freed(in_flight, std::exchange(view->outlined, 0));
  for (std::size_t i = 0; i < arms.size(); ++i) {
    BatchView* part = shared_.new_view(in_flight);
    part->split = view->split;
    std::swap(part->batch, batches[i]);
    shared_.leases.note_outline(*part);
    arms[i].send(shared_, part);
  }
  kept_.put(kept);
  shared_.recycle(view);
}

bool RouteNode::choose(BatchView& view, std::vector<Batch>& into) {
  InFlightBatch& in_flight = *view.in_flight;
  Batch& batch = view.batch;
  const Node& node = shared_.plan.nodes[node_];
  const std::size_t records = batch.records.size();
  VisitContext context(in_flight, node.name, node.place, node_);
  context.want_outline(std::any_of(arms.begin(), arms.end(), [](const Way& arm) { return arm.outline; }));
  context.bound_evaluation(shared_.leases.evaluation());
  Status status = shared_.faults.foreign(Activity::Call::route, node_, [&]() -> Status {
    std::vector<Record> kept = std::move(batch.records);
    batch.records.clear();
    for (Batch& arm : into) arm = batch;
    batch.records = std::move(kept);
    if (batch.records.empty()) return {};
    const ScratchPool::Lease scratch(scratch_);
    const WorkTimer timer(shared_.leases.clock(), in_flight, shared_.nodes[node_]);
    if (Status routed = node.router->route(batch, into, scratch.get(), context); !routed) return routed;
    if (Status good = check_context(shared_, context, in_flight, node_, 0); !good) return good;
    if (node.trusted) return {};
    for (const Batch& arm : into) {
      if (Status good = check_batch(arm, *in_flight.block); !good) return good;
    }
    return {};
  });
  if (!status) {
    shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
    return false;
  }
  std::size_t routed = 0;
  for (const Batch& arm : into) routed += arm.records.size();
  shared_.nodes[node_].count(records, routed, context.letters());
  shared_.faults.must([&] { context.hand_over(); });
  shared_.leases.note_made(in_flight, context.letter_bytes());
  Counters::add(shared_.counters.records_filtered, context.filtered());
  Counters::add(shared_.counters.errors, context.errors());
  return true;
}

}  // namespace pipec::graph
