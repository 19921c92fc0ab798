#include "graph/nodes/stage_visit.h"

#include <utility>

#include "graph/check_block.h"

namespace pipec::graph {

using runtime::Error;
using runtime::Status;

StageVisit::StageVisit(const Shared& shared, std::uint32_t node, Parcel& parcel, bool outline_wanted)
    : shared_(shared),
      node_(node),
      parcel_(parcel),
      context_(*parcel.delivery, shared.plan.nodes[node].name, shared.plan.nodes[node].place, node),
      buffers_before_(parcel.batch.buffers.size()),
      records_before_(parcel.batch.records.size()) {
  context_.want_outline(outline_wanted);
  context_.bound_evaluation(shared.leases.evaluation());
}

Status StageVisit::check() {
  const Delivery& delivery = *parcel_.delivery;
  const runtime::Batch& batch = parcel_.batch;
  if (Status good = check_context(shared_, context_, delivery, node_, records_before_); !good) return good;
  if (shared_.plan.nodes[node_].trusted) return {};
  if (Status good = check_batch(batch, *delivery.block); !good) return good;
  return check_rest(context_.rest(), batch, *delivery.block, buffers_before_);
}

bool StageVisit::take_over(Status status) {
  Delivery& delivery = *parcel_.delivery;
  runtime::Batch& batch = parcel_.batch;
  if (!status) {
    shared_.faults.fail_batch(delivery, std::move(status.error()), node_);
    batch.records.clear();
    return false;
  }
  shared_.faults.must([&] { context_.hand_over(); });
  shared_.leases.note_made(delivery, Leases::made_in(batch, buffers_before_) + context_.letter_bytes());
  shared_.leases.note_outline(parcel_);
  Counters::add(shared_.counters.records_filtered, context_.filtered());
  Counters::add(shared_.counters.errors, context_.errors());
  return true;
}

Status check_context(const Shared& shared, VisitContext& context, const Delivery& delivery,
                     std::uint32_t node, std::size_t records) {
  const auto wrong = [](const char* what) { return Error{"stage", what, {}, {}, false}; };
  if (context.foreign()) return wrong("a dead letter of a record that is not in the batch");
  if (context.rest().empty()) return {};
  // It would be called with the same records for ever.
  if (context.rest().size() >= records) {
    return wrong("leave_rest() was given all records of the batch: a stage has to finish at least one");
  }
  if (shared.topology.ends_behind[delivery.feed][node] == 0) {
    return wrong(
        "leave_rest() was called where a batch cannot go on in parts: there output_allowance() is unlimited");
  }
  return {};
}

}  // namespace pipec::graph
