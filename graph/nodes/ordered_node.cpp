#include "graph/nodes/ordered_node.h"

#include <algorithm>
#include <utility>

#include "graph/state_keeper.h"

namespace pipec::graph {

using runtime::Status;

namespace {

// Records that a stage made at the end or with time: each is the original of what becomes of it. Origin 0
// stays empty, for dead letters of records that could not be made.
void make_originals(runtime::Block& block, runtime::Batch& batch) {
  if (batch.records.empty()) return;
  const std::uint16_t buffer = batch.records.front().buffer;
  const auto elsewhere = [&](const runtime::Record& r) { return r.buffer != buffer || r.origin != 0; };
  if (buffer >= batch.buffers.size() || std::ranges::any_of(batch.records, elsewhere)) return;
  for (runtime::Record& record : batch.records) {
    record.origin = static_cast<std::uint32_t>(block.origins.size());
    block.origins.push_back({record.begin, record.size});
    if (record.metadata == 0 || record.metadata > batch.metadata.size()) continue;
    block.metadata.resize(batch.records.size() + 1);
    block.metadata[record.origin] = batch.metadata[record.metadata - 1];
  }
  block.data = batch.buffers[buffer];
}

}  // namespace

OrderedNode::OrderedNode(const Shared& shared, Wiring& wiring, std::uint32_t node,
                         const std::unique_ptr<runtime::OrderedStage>& stage)
    : in(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "prepare", Wiring::Runs::parallel,
                              [this](BatchView* view) { prepare(view); })),
      prepared(add_port<BatchView*>(wiring, in)),
      apply(add_node<BatchView*>(wiring, shared.plan.nodes[node].name, "apply", Wiring::Runs::serial,
                                 [this](BatchView* view) { take(view); })),
      out{.out = add_port<BatchView*>(wiring, apply)},
      done(add_port<BatchView*>(wiring, apply, "done")),
      shared_(shared),
      node_(node),
      stage_(stage),
      scratch_(shared.threads, [this] { return stage_->make_scratch(); }) {
  prepared.connect(apply);
}

void OrderedNode::prepare(BatchView* view) {
  if (!shared_.faults.alive(*view->in_flight)) view->batch.records.clear();
  if (!view->batch.records.empty()) {
    StageVisit visit(shared_, node_, *view, out.outline);
    visit.run([&]() -> Status {
      const ScratchPool::Lease scratch(scratch_);
      auto result = stage_->prepare(view->batch, scratch.get(), visit.context());
      if (!result) return std::move(result.error());
      view->prepared = std::move(*result);
      return {};
    });
  }
  shared_.faults.must([&] { prepared.send(view); });
}

void OrderedNode::take(BatchView* view) {
  const std::uint64_t number = view->in_flight->numbers[shared_.topology.place_of[node_]];
  shared_.faults.must([&] { order_.put(number, view, view->split != nullptr); });
  while (BatchView* next = order_.take()) pass(next);
}

void OrderedNode::pass(BatchView* view) {
  InFlightBatch& in_flight = *view->in_flight;
  if (!view->only_snapshot) run(*view);
  if (!view->split) take_snapshot(in_flight);
  if (view->only_snapshot) {
    done.send(view);
  } else {
    out.send(shared_, view);
  }
}

void OrderedNode::run(BatchView& view) {
  InFlightBatch& in_flight = *view.in_flight;
  runtime::Batch& batch = view.batch;
  if (!shared_.faults.alive(in_flight)) {
    batch.records.clear();
    return;
  }
  StageVisit visit(shared_, node_, view, out.outline);
  if (!visit.run([&] { return call(view, visit.context()); })) return;
  view.prepared.reset();
  if (!batch.has_block()) {
    shared_.faults.must([&] { batch.assign(in_flight.block, shared_.pools.buffers); });
    batch.records.clear();
  }
}

Status OrderedNode::call(BatchView& view, runtime::StageContext& context) {
  const InFlightBatch& in_flight = *view.in_flight;
  if (shared_.topology.feeds[in_flight.feed] != node_) {
    return stage_->apply(view.batch, view.prepared.get(), context);
  }
  Status status = in_flight.call == InFlightBatch::Call::finish
                      ? stage_->finish(view.batch, context)
                      : stage_->on_time(shared_.options.clock->unix_nanoseconds(), view.batch, context);
  if (status) make_originals(*in_flight.block, view.batch);
  return status;
}

void OrderedNode::take_snapshot(InFlightBatch& in_flight) {
  if (!in_flight.commit_point || !shared_.faults.alive(in_flight)) return;
  const Node& node = shared_.plan.nodes[node_];
  Status status = shared_.faults.foreign(Activity::Call::snapshot, node_, [&] {
    runtime::StateEntries own;
    stage_->snapshot(own);
    if (!std::exchange(meaning_noted_, true) && !node.meaning.empty()) {
      own.push_back({StateKeeper::kMeaning, node.meaning});
    }
    const std::lock_guard lock(in_flight.mutex);
    StateKeeper::add(node.state_key, std::move(own), in_flight.entries);
  });
  if (!status) shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
}

}  // namespace pipec::graph
