#include "graph/nodes/ordered_node.h"

#include <utility>

#include "graph/state_keeper.h"

namespace pipec::graph {

using runtime::Status;

OrderedNode::OrderedNode(const Shared& shared, Wiring& wiring, std::uint32_t node,
                         const std::unique_ptr<runtime::OrderedStage>& stage)
    : in(add_node<Parcel*>(wiring, shared.plan.nodes[node].name, "prepare", Wiring::Runs::parallel,
                           [this](Parcel* parcel) { prepare(parcel); })),
      prepared(add_port<Parcel*>(wiring, in)),
      apply(add_node<Parcel*>(wiring, shared.plan.nodes[node].name, "apply", Wiring::Runs::serial,
                              [this](Parcel* parcel) { take(parcel); })),
      out{.out = add_port<Parcel*>(wiring, apply)},
      done(add_port<Parcel*>(wiring, apply, "done")),
      shared_(shared),
      node_(node),
      stage_(stage),
      scratch_(shared.threads, [this] { return stage_->make_scratch(); }) {
  prepared.connect(apply);
}

void OrderedNode::prepare(Parcel* parcel) {
  if (!shared_.faults.alive(*parcel->delivery)) parcel->batch.records.clear();
  if (!parcel->batch.records.empty()) {
    StageVisit visit(shared_, node_, *parcel, out.outline);
    visit.run([&]() -> Status {
      const ScratchPool::Lease scratch(scratch_);
      auto result = stage_->prepare(parcel->batch, scratch.get(), visit.context());
      if (!result) return std::move(result.error());
      parcel->prepared = std::move(*result);
      return {};
    });
  }
  shared_.faults.must([&] { prepared.send(parcel); });
}

void OrderedNode::take(Parcel* parcel) {
  const std::uint64_t number = parcel->delivery->numbers[shared_.topology.place_of[node_]];
  shared_.faults.must([&] { order_.put(number, parcel, parcel->split != nullptr); });
  while (Parcel* next = order_.take()) pass(next);
}

void OrderedNode::pass(Parcel* parcel) {
  Delivery& delivery = *parcel->delivery;
  if (!parcel->only_snapshot) run(*parcel);
  if (!parcel->split) take_snapshot(delivery);
  if (parcel->only_snapshot) {
    done.send(parcel);
  } else {
    out.send(shared_, parcel);
  }
}

void OrderedNode::run(Parcel& parcel) {
  Delivery& delivery = *parcel.delivery;
  runtime::Batch& batch = parcel.batch;
  if (!shared_.faults.alive(delivery)) {
    batch.records.clear();
    return;
  }
  StageVisit visit(shared_, node_, parcel, out.outline);
  if (!visit.run([&] { return call(parcel, visit.context()); })) return;
  parcel.prepared.reset();
  if (!batch.has_block()) {
    shared_.faults.must([&] { batch.assign(delivery.block, shared_.pools.buffers); });
    batch.records.clear();
  }
}

Status OrderedNode::call(Parcel& parcel, runtime::StageContext& context) {
  const Delivery& delivery = *parcel.delivery;
  if (shared_.topology.feeds[delivery.feed] != node_) {
    return stage_->apply(parcel.batch, parcel.prepared.get(), context);
  }
  if (delivery.call == Delivery::Call::finish) return stage_->finish(parcel.batch, context);
  return stage_->on_time(shared_.options.clock->unix_nanoseconds(), parcel.batch, context);
}

void OrderedNode::take_snapshot(Delivery& delivery) {
  if (!delivery.commit_point || !shared_.faults.alive(delivery)) return;
  const Node& node = shared_.plan.nodes[node_];
  Status status = shared_.faults.foreign(Activity::Call::snapshot, node_, [&] {
    runtime::StateEntries own;
    stage_->snapshot(own);
    if (!std::exchange(meaning_noted_, true) && !node.meaning.empty()) {
      own.push_back({StateKeeper::kMeaning, node.meaning});
    }
    const std::lock_guard lock(delivery.mutex);
    StateKeeper::add(node.state_key, std::move(own), delivery.entries);
  });
  if (!status) shared_.faults.fail_batch(delivery, std::move(status.error()), node_);
}

}  // namespace pipec::graph
