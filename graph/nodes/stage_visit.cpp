#include "graph/nodes/stage_visit.h"

#include <utility>

#include "graph/check_block.h"

namespace pipec::graph {

using runtime::Error;
using runtime::Status;

StageVisit::StageVisit(const Shared& shared, std::uint32_t node, BatchView& view, bool outline_wanted)
    : shared_(shared),
      node_(node),
      view_(view),
      context_(*view.in_flight, shared.plan.nodes[node].name, shared.plan.nodes[node].place, node),
      buffers_before_(view.batch.buffers.size()),
      records_before_(view.batch.records.size()) {
  context_.want_outline(outline_wanted);
  context_.bound_evaluation(shared.leases.evaluation());
}

Status StageVisit::check() {
  const InFlightBatch& in_flight = *view_.in_flight;
  const runtime::Batch& batch = view_.batch;
  if (Status good = check_context(shared_, context_, in_flight, node_, records_before_); !good) return good;
  if (shared_.plan.nodes[node_].trusted) return {};
  if (Status good = check_batch(batch, *in_flight.block); !good) return good;
  return check_rest(context_.rest(), batch, *in_flight.block, buffers_before_);
}

bool StageVisit::take_over(Status status) {
  InFlightBatch& in_flight = *view_.in_flight;
  runtime::Batch& batch = view_.batch;
  if (!status) {
    shared_.faults.fail_batch(in_flight, std::move(status.error()), node_);
    batch.records.clear();
    return false;
  }
  const std::size_t letters = context_.letters();
  const std::size_t done = records_before_ - context_.rest().size();
  shared_.nodes[node_].count(done, batch.records.size(), letters);
  shared_.faults.must([&] { context_.hand_over(); });
  shared_.leases.note_made(in_flight, Leases::made_in(batch, buffers_before_) + context_.letter_bytes());
  shared_.leases.note_outline(view_);
  Counters::add(shared_.counters.records_filtered, context_.filtered());
  Counters::add(shared_.counters.errors, context_.errors());
  return true;
}

Status check_context(const Shared& shared, VisitContext& context, const InFlightBatch& in_flight,
                     std::uint32_t node, std::size_t records) {
  const auto wrong = [](const char* what) { return Error{"stage", what, {}, {}, false}; };
  if (context.foreign()) return wrong("a dead letter of a record that is not in the batch");
  if (context.rest().empty()) return {};
  // It would be called with the same records forever.
  if (context.rest().size() >= records) {
    return wrong("leave_rest() was given all records of the batch: a stage has to finish at least one");
  }
  if (shared.topology.ends_behind[in_flight.feed][node] == 0) {
    return wrong(
        "leave_rest() was called where a batch cannot be split: there output_allowance() is unlimited");
  }
  return {};
}

}  // namespace pipec::graph
