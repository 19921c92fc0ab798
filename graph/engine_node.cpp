// A batch in the nodes between source and sink.
#include <algorithm>
#include <limits>
#include <utility>

#include "graph/check_block.h"
#include "graph/engine.h"
#include "graph/join.h"
#include "graph/visit_context.h"
#include "graph/work_timer.h"

namespace pipec::graph {

using runtime::Batch;
using runtime::Block;
using runtime::Error;
using runtime::Record;
using runtime::Status;
using Kind = Node::Kind;

namespace {

constexpr std::uint32_t kTaken = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kBytesOfRecord = sizeof(runtime::Slice) + sizeof(Record);

}  // namespace

void Engine::build() {
  flow_ = Flow::make(threads_);
  const auto later = [this](Milliseconds delay, std::function<void()> task) {
    must([&] { timer_.after(delay, [this, task] { must([&] { flow_->post(task); }); }); });
  };
  for (SinkEnd& end : sinks_) {
    end.lane.emplace([this, &end](Parcel* parcel) { return write(end, parcel); }, later);
    end.backoff.emplace(options_.retry);
  }
  routes_.emplace([this](Delivery* delivery) { return route_point(delivery); }, later);
  dead_letter_backoff_.emplace(options_.retry);
  for (std::uint32_t i = 0; i < plan_.nodes.size(); ++i) {
    const Node& node = plan_.nodes[i];
    NodeState& state = nodes_.emplace_back();
    if (node.kind == Kind::stage) {
      state.scratch.emplace(threads_, [stage = node.stage] { return stage->make_scratch(); });
      state.reads_outline = node.stage->reads_outline();
    } else if (node.kind == Kind::route) {
      state.scratch.emplace(threads_, [router = node.router] { return router->make_scratch(); });
      state.reads_outline = node.router->reads_outline();
    }
    flow_->add([this, i](Parcel* parcel) { visit(i, parcel); });
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].outline_wanted =
        std::any_of(topology_.edges[i].begin(), topology_.edges[i].end(),
                    [&](const Topology::Edge& edge) { return nodes_[edge.to].reads_outline; });
  }
}

// Runs on a worker. Nothing escapes: a batch that is not handed on could be neither reported nor released.
void Engine::visit(std::uint32_t node, Parcel* parcel) noexcept {
  Delivery& delivery = *parcel->delivery;
  if (delivery.has_source && topology_.arrivals[delivery.source][node] > 1) {
    parcel = join(node, parcel);
    if (!parcel) return;  // more parts are on their way
  }
  if (!nodes_[node].reads_outline && parcel->outlined != 0) {
    parcel->batch.outline = {};
    note_outline(*parcel);
  }
  switch (plan_.nodes[node].kind) {
    case Kind::receive:
      if (delivery.block->reader) read(node, delivery);
      begin(node, *parcel);
      forward(node, parcel);
      break;
    case Kind::merge:
      forward(node, parcel);
      break;
    case Kind::stage:
      run_stage(node, *parcel);
      forward(node, parcel);
      break;
    case Kind::route:
      run_route(node, parcel);
      break;
    case Kind::sink: {
      if (governor_ && delivery.has_source) note_expansion(delivery);
      const std::uint32_t sink = topology_.sink_of[node];
      if (plan_.commit == CommitMode::sink) {
        delivery.held = parcel;  // written at the route point, behind the batch's dead letters
        if (delivery.branches.report()) must([&] { routes_->arrive(delivery.sequence, &delivery); });
      } else if (plan_.nodes[node].unordered) {
        must([&] { sinks_[sink].lane->arrive(parcel); });
      } else {
        must([&] { sinks_[sink].lane->arrive(delivery.numbers[sink], parcel, parcel->split != nullptr); });
      }
      break;
    }
    case Kind::drop:
      if (governor_) note_expansion(delivery);
      if (alive(delivery)) {
        counters_.records_filtered.fetch_add(parcel->batch.records.size(), std::memory_order_relaxed);
      }
      report(parcel);
      break;
  }
}

// What the source has left to be read.
void Engine::read(std::uint32_t node, Delivery& delivery) {
  Block& block = *delivery.block;
  const std::shared_ptr<const runtime::Reader> reader = std::move(block.reader);
  Status status = foreign(Activity::Call::read, node, [&]() -> Status {
    if (!alive(delivery)) return {};
    block.data = buffers_.get(block.unread_bytes);
    if (Status done = reader->read(block); !done) return done;
    return check_records(block);
  });
  if (!status) {
    fail_batch(delivery, at_node(std::move(status.error()), node));
    block.origins.clear();
    return;
  }
  counters_.records_in.fetch_add(block.origins.size(), std::memory_order_relaxed);
  // Records so short that the source would have given fewer of them are memory that no lease shows.
  const std::size_t many = record_limit(delivery.bytes);
  if (block.origins.size() > many) note_made(delivery, (block.origins.size() - many) * kBytesOfRecord);
}

// Here and not by the source's thread: the records are written where they are read next.
void Engine::begin(std::uint32_t node, Parcel& parcel) {
  Delivery& delivery = *parcel.delivery;
  Status status = guarded([&] { parcel.batch.assign(delivery.block, buffers_); });
  if (!status) {
    fail_batch(delivery, at_node(std::move(status.error()), node));
    parcel.batch.records.clear();
  } else if (!delivery.block->rejected.empty()) {
    take_rejected(node, parcel);
  }
}

// What the source could not read is a dead letter before any stage sees it.
void Engine::take_rejected(std::uint32_t index, Parcel& parcel) {
  Delivery& delivery = *parcel.delivery;
  const Node& node = plan_.nodes[index];
  Status status = guarded([&]() -> Status {
    VisitContext context(delivery, node.name, node.place, index);
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
    note_made(delivery, context.letter_bytes());
    return {};
  });
  if (!status) {
    fail_batch(delivery, at_node(std::move(status.error()), index));
    parcel.batch.records.clear();
  }
}

// The last part to arrive goes on, with the records of all; null for the others.
Parcel* Engine::join(std::uint32_t node, Parcel* parcel) {
  Delivery& delivery = *parcel->delivery;
  std::vector<Parcel*> parts;
  must([&] {
    const std::lock_guard lock(delivery.mutex);
    auto found = std::find_if(delivery.joins.begin(), delivery.joins.end(),
                              [&](const Delivery::Join& join) { return join.node == node; });
    if (found == delivery.joins.end()) found = delivery.joins.insert(found, {node, {}});
    found->parts.push_back(parcel);
    if (found->parts.size() == topology_.arrivals[delivery.source][node]) parts.swap(found->parts);
  });
  if (parts.empty()) return nullptr;
  std::sort(parts.begin(), parts.end(),
            [](const Parcel* a, const Parcel* b) { return a->ordinal < b->ordinal; });
  Status status = guarded([&] { join_parts(parts); });
  if (!status) {
    fail_batch(delivery, at_node(std::move(status.error()), node));
    parts[0]->batch.records.clear();
  }
  for (std::size_t i = 1; i < parts.size(); ++i) recycle(parts[i]);
  return parts[0];
}

void Engine::run_stage(std::uint32_t index, Parcel& parcel) {
  Delivery& delivery = *parcel.delivery;
  Batch& batch = parcel.batch;
  if (!alive(delivery)) batch.records.clear();
  if (batch.records.empty()) return;
  const Node& node = plan_.nodes[index];
  VisitContext context(delivery, node.name, node.place, index);
  context.want_outline(nodes_[index].outline_wanted);
  context.bound_evaluation(evaluation_);
  const std::size_t buffers_before = batch.buffers.size();
  if (governor_ && delivery.has_source && topology_.ends_behind[delivery.source][index] != 0) {
    context.allow_output(output_allowance(delivery));
  }
  const WorkTimer timer(governor_ ? options_.clock : nullptr, delivery);
  const std::size_t records_before = batch.records.size();
  Status status = foreign(Activity::Call::process, index, [&]() -> Status {
    const ScratchPool::Lease scratch(*nodes_[index].scratch);
    if (Status processed = node.stage->process(batch, scratch.get(), context); !processed) return processed;
    if (Status good = check_context(context, delivery, index, records_before); !good) return good;
    if (node.trusted) return {};
    if (Status good = check_batch(batch, *delivery.block); !good) return good;
    return check_rest(context.rest(), batch, *delivery.block, buffers_before);
  });
  if (!status) {
    fail_batch(delivery, at_node(std::move(status.error()), index));
    batch.records.clear();
    return;
  }
  must([&] { context.hand_over(); });
  note_made(delivery, made_in(batch, buffers_before) + context.letter_bytes());
  note_outline(parcel);
  if (!context.rest().empty()) split(index, parcel, context.rest(), buffers_before);
  counters_.records_filtered.fetch_add(context.filtered(), std::memory_order_relaxed);
  counters_.errors.fetch_add(context.errors(), std::memory_order_relaxed);
  // A stage that emptied the batch by assigning a new one has lost nothing: block and positions are the
  // delivery's.
  if (!batch.has_block()) {
    must([&] { batch.assign(delivery.block, buffers_); });
    batch.records.clear();
  }
}

// What a stage told the engine besides the batch.
Status Engine::check_context(VisitContext& context, const Delivery& delivery, std::uint32_t index,
                             std::size_t records) const {
  const auto wrong = [](const char* what) { return Error{"stage", what, {}, {}, false}; };
  if (context.foreign()) return wrong("a dead letter of a record that is not in the batch");
  if (context.rest().empty()) return {};
  // It would be called with the same records for ever.
  if (context.rest().size() >= records) {
    return wrong("leave_rest() was given all records of the batch: a stage has to finish at least one");
  }
  if (!delivery.has_source || topology_.ends_behind[delivery.source][index] == 0) {
    return wrong(
        "leave_rest() was called where a batch cannot go on in parts: there output_allowance() is unlimited");
  }
  return {};
}

// The parcel holds what the stage has done, and goes on as a part.
void Engine::split(std::uint32_t index, Parcel& parcel, std::vector<Record>& rest,
                   std::size_t buffers_before) {
  Split* split = nullptr;
  must([&] { split = splits_.get(); });
  split->node = index;
  split->outer = parcel.split;
  split->ends.store(topology_.ends_behind[parcel.delivery->source][index], std::memory_order_relaxed);
  split->made = made_in(parcel.batch, buffers_before);
  must([&] { split->rest = parcels_.get(); });
  Batch& batch = split->rest->batch;
  must([&] { batch = parcel.batch; });
  batch.outline = {};
  batch.buffers.resize(buffers_before);  // what the part holds is let go with it
  batch.records.swap(rest);
  split->rest->delivery = parcel.delivery;
  split->rest->ordinal = parcel.ordinal;
  parcel.split = split;
}

// The part has come out at all its ends, and what it held is free.
void Engine::go_on(Split* split) {
  Parcel* const rest = split->rest;
  const std::uint32_t node = split->node;
  rest->split = split->outer;
  note_freed(*rest->delivery, split->made);
  splits_.put(split);
  must([&] { flow_->submit(node, rest); });
}

void Engine::run_route(std::uint32_t index, Parcel* parcel) {
  Delivery& delivery = *parcel->delivery;
  Batch& batch = parcel->batch;
  if (!alive(delivery)) batch.records.clear();
  const Node& node = plan_.nodes[index];
  const std::vector<Topology::Edge>& edges = topology_.edges[index];
  NodeState& state = nodes_[index];
  std::vector<Batch>* kept = nullptr;
  must([&] { kept = state.arms.get(); });
  std::vector<Batch>& arms = *kept;
  must([&] { arms.resize(edges.size()); });
  VisitContext context(delivery, node.name, node.place, index);
  context.want_outline(state.outline_wanted);
  context.bound_evaluation(evaluation_);
  Status status = foreign(Activity::Call::route, index, [&]() -> Status {
    std::vector<Record> records = std::move(batch.records);
    batch.records.clear();
    for (Batch& arm : arms) arm = batch;
    batch.records = std::move(records);
    if (batch.records.empty()) return {};
    const ScratchPool::Lease scratch(*state.scratch);
    const WorkTimer timer(governor_ ? options_.clock : nullptr, delivery);
    if (Status routed = node.router->route(batch, arms, scratch.get(), context); !routed) return routed;
    if (Status good = check_context(context, delivery, index, 0); !good) return good;
    if (node.trusted) return {};
    for (const Batch& arm : arms) {
      if (Status good = check_batch(arm, *delivery.block); !good) return good;
    }
    return {};
  });
  if (status) {
    must([&] { context.hand_over(); });
    note_made(delivery, context.letter_bytes());
    counters_.records_filtered.fetch_add(context.filtered(), std::memory_order_relaxed);
    counters_.errors.fetch_add(context.errors(), std::memory_order_relaxed);
  } else {
    fail_batch(delivery, at_node(std::move(status.error()), index));
    for (Batch& arm : arms) arm.records.clear();
  }
  // Before the parts leave: when they are through, the delivery is settled, and its lease is another batch's.
  if (parcel->outlined != 0) note_freed(delivery, std::exchange(parcel->outlined, 0));
  for (std::size_t i = 0; i < edges.size(); ++i) {
    Parcel* part = nullptr;
    must([&] { part = parcels_.get(); });
    part->delivery = &delivery;
    part->ordinal = edges[i].ordinal;
    part->split = parcel->split;
    std::swap(part->batch, arms[i]);
    note_outline(*part);
    must([&] { flow_->put(edges[i].to, part); });
  }
  state.arms.put(&arms);
  recycle(parcel);
}

void Engine::forward(std::uint32_t node, Parcel* parcel) {
  const std::vector<Topology::Edge>& edges = topology_.edges[node];
  Delivery& delivery = *parcel->delivery;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    Parcel* copy = nullptr;
    must([&] { copy = parcels_.get(); });
    copy->delivery = &delivery;
    copy->ordinal = edges[i].ordinal;
    copy->split = parcel->split;
    Status status = guarded([&] {
      copy->batch = parcel->batch;
      note_outline(*copy);
    });
    if (!status) {
      copy->batch.records.clear();
      fail_batch(delivery, at_node(std::move(status.error()), node));
    }
    must([&] { flow_->put(edges[i].to, copy); });
  }
  parcel->ordinal = edges.back().ordinal;
  must([&] { flow_->put(edges.back().to, parcel); });
}

}  // namespace pipec::graph
