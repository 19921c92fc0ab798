#include "graph/nodes/sink_node.h"

#include <utility>

#include "graph/state/mutant.h"

namespace pipec::graph {

using runtime::Error;

SinkNode::SinkNode(const Shared& shared, Wiring& wiring, std::uint32_t node,
                   const std::unique_ptr<runtime::Sink>& sink)
    : in(add_node<Parcel*>(wiring, shared.plan.nodes[node].name, "sink", Wiring::Runs::serial,
                           [this](Parcel* parcel) { take(parcel); })),
      done(add_port<Parcel*>(wiring, in, "done")),
      again(add_port<Parcel*>(wiring, in, "again")),
      completed(add_node<Completed>(wiring, shared.plan.nodes[node].name, "completed", Wiring::Runs::parallel,
                                    [this](const Completed& batch) { complete(batch); })),
      later(add_port<Completed>(wiring, in, "later")),
      completed_done(add_port<Parcel*>(wiring, completed, "done")),
      shared_(shared),
      node_(node),
      unordered_(shared.plan.nodes[node].unordered),
      writer_(shared, node, sink) {
  again.connect(in);
  later.connect(completed);
}

// Null: the suspended batch is tried again.
void SinkNode::take(Parcel* parcel) {
  if (parcel) {
    Delivery& delivery = *parcel->delivery;
    shared_.leases.note_expansion(delivery);
    if (shared_.plan.commit == CommitMode::sink) return hold_for_route_point(parcel);
    shared_.faults.must([&] {
      if (unordered_) {
        order_.put(arrivals_, parcel);
        ++arrivals_;
      } else {
        order_.put(delivery.numbers[shared_.topology.place_of[node_]], parcel, parcel->split != nullptr);
      }
    });
    if (suspended_) return;
  } else if (!attempt(std::exchange(suspended_, nullptr))) {
    return;
  }
  while (Parcel* next = order_.take()) {
    if (!attempt(next)) return;
  }
}

// False: it is suspended.
bool SinkNode::attempt(Parcel* parcel) {
  std::shared_ptr<DeferredWrite> deferred;
  const auto wait = writer_.write(*parcel, unordered_ ? nullptr : &later, &deferred);
  if (wait) {
    suspended_ = parcel;
    shared_.hand_on_after<Parcel*>(*wait, again, nullptr);
    return false;
  }
  if (mutated(Mutant::skip_empty_batches) && parcel->batch.records.empty()) parcel->delivery->branches.fail();
  written(parcel, std::move(deferred));
  return true;
}

void SinkNode::written(Parcel* parcel, std::shared_ptr<DeferredWrite> deferred) {
  if (!unordered_) {
    if (!parcel->split) writer_.take_snapshot(*parcel->delivery);
    if (!deferred) {
      done.send(parcel);
    } else if (deferred->written()) {
      deferred->finish();
      done.send(parcel);
    }
    return;
  }
  // A snapshot has to cover all batches before its own, so it waits for those that were overtaken.
  const std::uint64_t number = parcel->delivery->numbers[shared_.topology.place_of[node_]];
  shared_.faults.must([&] { written_.put(number, parcel, parcel->split != nullptr); });
  while (Parcel* in_order = written_.take()) {
    if (!in_order->split) writer_.take_snapshot(*in_order->delivery);
    done.send(in_order);
  }
}

// `commit sink`: it is written there, behind the batch's dead letters.
void SinkNode::hold_for_route_point(Parcel* parcel) {
  parcel->delivery->held = parcel;
  done.send(parcel);
}

void SinkNode::complete(const Completed& batch) {
  if (batch.write) {
    batch.write->finish();
  } else {
    Error error{"sink", "the sink let go of a batch without completing it", {}, {}, false};
    shared_.faults.fail_batch(*batch.parcel->delivery, std::move(error), node_);
  }
  completed_done.send(batch.parcel);
}

}  // namespace pipec::graph
