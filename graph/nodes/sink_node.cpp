#include "graph/nodes/sink_node.h"

#include <utility>

#include "graph/state/mutant.h"

namespace pipec::graph {

using runtime::Error;
using runtime::ErrorCode;

SinkNode::SinkNode(const Shared& shared, Wiring& wiring, std::uint32_t node,
                   const std::unique_ptr<runtime::Sink>& sink)
    : in(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "sink", Wiring::Runs::serial,
                              [this](BatchView* view) { take(view); })),
      done(add_port<BatchView*>(wiring, in, "done")),
      again(add_port<BatchView*>(wiring, in, "again")),
      completed(add_node<Completed>(wiring, shared.plan.nodes[node].name, "completed", Wiring::Runs::parallel,
                                    [this](const Completed& batch) { complete(batch); })),
      later(add_port<Completed>(wiring, in, "later")),
      completed_done(add_port<BatchView*>(wiring, completed, "done")),
      shared_(shared),
      node_(node),
      unordered_(shared.plan.nodes[node].unordered),
      writer_(shared, node, sink) {
  again.connect(in);
  later.connect(completed);
}

// Null: the suspended batch is tried again.
void SinkNode::take(BatchView* view) {
  if (view) {
    InFlightBatch& in_flight = *view->in_flight;
    shared_.leases.note_expansion(in_flight);
    if (shared_.plan.commit == CommitMode::sink) return hold_for_route_point(view);
    shared_.faults.must([&] {
      if (unordered_) {
        order_.put(arrivals_, view);
        ++arrivals_;
      } else {
        order_.put(in_flight.numbers[shared_.topology.place_of[node_]], view, view->split != nullptr);
      }
    });
    if (suspended_) return;
  } else if (!attempt(std::exchange(suspended_, nullptr))) {
    return;
  }
  while (BatchView* next = order_.take()) {
    if (!attempt(next)) return;
  }
}

// False: it is suspended.
bool SinkNode::attempt(BatchView* view) {
  std::shared_ptr<DeferredWrite> deferred;
  const auto wait = writer_.write(*view, unordered_ ? nullptr : &later, &deferred);
  if (wait) {
    suspended_ = view;
    shared_.hand_on_after<BatchView*>(*wait, again, nullptr);
    return false;
  }
  if (mutated(Mutant::skip_empty_batches) && view->batch.records.empty()) view->in_flight->branches.fail();
  written(view, deferred);
  return true;
}

void SinkNode::written(BatchView* view, const std::shared_ptr<DeferredWrite>& deferred) {
  if (!unordered_) {
    if (!view->split) writer_.take_snapshot(*view->in_flight);
    if (!deferred) {
      done.send(view);
    } else if (deferred->written()) {
      deferred->finish();
      done.send(view);
    }
    return;
  }
  // A snapshot has to cover all batches before its own, so it waits for those that were overtaken.
  const std::uint64_t number = view->in_flight->numbers[shared_.topology.place_of[node_]];
  shared_.faults.must([&] { written_.put(number, view, view->split != nullptr); });
  while (BatchView* in_order = written_.take()) {
    if (!in_order->split) writer_.take_snapshot(*in_order->in_flight);
    done.send(in_order);
  }
}

// `commit sink`: the route point writes the view, after the batch's dead letters.
void SinkNode::hold_for_route_point(BatchView* view) {
  view->in_flight->held = view;
  done.send(view);
}

void SinkNode::complete(const Completed& batch) {
  if (batch.write) {
    batch.write->finish();
  } else {
    Error error = Error::make(ErrorCode::sink, "the sink dropped a batch without completing it");
    shared_.faults.fail_batch(*batch.view->in_flight, std::move(error), node_);
  }
  completed_done.send(batch.view);
}

}  // namespace pipec::graph
