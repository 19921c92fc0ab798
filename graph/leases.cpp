#include "graph/leases.h"

#include <algorithm>
#include <chrono>
#include <mutex>

namespace pipec::graph {

namespace {

// The size of a source's first batch if stages may expand it: the expansion is not known yet.
constexpr std::size_t kProbeBytes = std::size_t{16} << 10;
// Used if a sink wants small batches. record_limit() follows from it.
constexpr std::size_t kSmallBatchBytes = std::size_t{32} << 10;

}  // namespace

Leases::Leases(Limiter& limiter, const Plan& plan, const Topology& topology, const RunOptions& options,
               unsigned threads, std::size_t budget, bool governed)
    : limiter_(limiter), options_(options), threads_(threads), governed_(governed), budget_(budget) {
  for (std::uint32_t source = 0; source < topology.sources.size(); ++source) {
    Source& own = sources_.emplace_back();
    for (std::uint32_t i = 0; i < plan.nodes.size(); ++i) {
      const Node::Kind kind = plan.nodes[i].kind;
      const bool changes = kind == Node::Kind::stage || kind == Node::Kind::ordered;
      own.has_stages |= changes && topology.reaches(source, i);
    }
  }
}

// Credit is reserved before a receive, and no source withholds it from the others while it waits for data.
// The reservation includes the stages' expected output for these bytes, as far as it is known.
Leases::Reservation Leases::reservation(std::uint32_t number, bool small) const {
  const Source& source = sources_[number];
  const std::size_t share = budget() / sources_.size();
  const double expansion = source.expansion.load(std::memory_order_relaxed);
  Reservation found;
  found.probe = governed_ && source.has_stages && expansion < 0;
  const double room = static_cast<double>(share) / (1 + std::max(expansion, 0.0));
  found.most = std::max<std::size_t>(1, static_cast<std::size_t>(room));
  if (found.probe) found.most = std::min(found.most, kProbeBytes);
  found.bytes = std::clamp<std::size_t>(options_.batch_bytes, 1, found.most);
  if (small) found.bytes = std::min(found.bytes, kSmallBatchBytes);
  found.charge = charge_of(number, found.bytes);
  return found;
}

// A batch's bookkeeping per record (Slice, Record) is memory that no lease accounts for, so it must not be
// many times the payload. If records are shorter than this on average, batches are smaller.
std::size_t Leases::record_limit(std::size_t bytes) const {
  constexpr std::size_t kShortRecord = 16;
  const std::size_t by_bytes = std::max<std::size_t>(1, bytes / kShortRecord);
  const std::size_t governed = most_records_.load(std::memory_order_relaxed);
  return governed == 0 ? by_bytes : std::min(governed, by_bytes);
}

std::size_t Leases::charge_of(std::uint32_t source, std::size_t bytes) const {
  const double expansion = sources_[source].expansion.load(std::memory_order_relaxed);
  if (!(expansion > 0)) return bytes;
  return bytes + static_cast<std::size_t>(static_cast<double>(bytes) * expansion);
}

void Leases::no_more() {
  for (Source& source : sources_) source.probed.halt();
}

void Leases::allow(std::size_t budget, std::size_t records) {
  if (budget != 0) budget_.store(budget, std::memory_order_relaxed);
  most_records_.store(records, std::memory_order_relaxed);
}

std::size_t Leases::made_in(const runtime::Batch& batch, std::size_t buffers_before) {
  std::size_t bytes = 0;
  for (std::size_t i = buffers_before; i < batch.buffers.size(); ++i) bytes += batch.buffers[i]->size();
  return bytes;
}

// The output that one stage may write before it has to pass on a part: its reservation, or its share of the
// free credit, and always a multiple of the input, so that ordinary stages never reach it.
std::size_t Leases::output_allowance(InFlightBatch& in_flight) const {
  constexpr std::size_t kOrdinary = 3;
  const std::size_t all = budget();
  const std::size_t used = limiter_.used_bytes();
  const std::size_t share = all > used ? (all - used) / (std::size_t{2} * threads_) : 0;
  const std::lock_guard lock(in_flight.mutex);
  const std::size_t real = in_flight.bytes + in_flight.made;
  const std::size_t reserved = in_flight.lease > real ? in_flight.lease - real : 0;
  return std::max({kOrdinary * in_flight.bytes, share, reserved});
}

// A part of the batch has left memory before the rest.
void Leases::note_freed(InFlightBatch& in_flight, std::size_t bytes) {
  if (!governed_) return;
  const std::lock_guard lock(in_flight.mutex);
  in_flight.made -= std::min(in_flight.made, bytes);
  const std::size_t all = in_flight.bytes + in_flight.made;
  if (all >= in_flight.lease) return;
  limiter_.correct(in_flight.lease, all);
  in_flight.lease = all;
}

// Bytes that a stage wrote into new buffers are in flight too (G2). Workers never wait: the batch keeps the
// bytes it needs, and the next ones wait at the source.
void Leases::note_made(InFlightBatch& in_flight, std::size_t bytes) {
  if (!governed_ || bytes == 0 || in_flight.bare) return;
  const std::lock_guard lock(in_flight.mutex);
  in_flight.made += bytes;
  const std::size_t all = in_flight.bytes + in_flight.made;
  if (all <= in_flight.lease) return;
  limiter_.grow(all - in_flight.lease);
  in_flight.lease = all;
}

// So is an outline, for as long as a view holds it. Branches that share one count it each.
void Leases::note_outline(BatchView& view) {
  const std::size_t bytes = view.batch.outline.bytes();
  if (bytes > view.outlined) note_made(*view.in_flight, bytes - view.outlined);
  if (bytes < view.outlined) note_freed(*view.in_flight, view.outlined - bytes);
  view.outlined = bytes;
}

void Leases::drop_outline(BatchView& view) {
  if (view.outlined == 0) return;
  view.batch.outline = {};
  note_outline(view);
}

// A batch has reached an end of its branches, so the stages' expansion per byte is known. The estimate grows
// immediately and shrinks slowly.
void Leases::note_expansion(InFlightBatch& in_flight) {
  if (!governed_ || in_flight.bare || in_flight.feed >= sources_.size()) return;
  Source& source = sources_[in_flight.feed];
  if (!source.has_stages) return;
  std::size_t made = 0;
  {
    const std::lock_guard lock(in_flight.mutex);
    made = in_flight.made;
  }
  const double seen =
      static_cast<double>(made) / static_cast<double>(std::max<std::size_t>(1, in_flight.bytes));
  const double known = source.expansion.load(std::memory_order_relaxed);
  source.expansion.store(seen > known ? seen : known + (seen - known) / 16, std::memory_order_relaxed);
  if (known < 0) source.probed.open();
}

void Leases::note_settled(const InFlightBatch& in_flight) {
  if (!governed_ || in_flight.feed >= sources_.size()) return;
  const auto residence = options_.clock->steady_now() - in_flight.received;
  settled_.batches.fetch_add(1, std::memory_order_relaxed);
  settled_.bytes.fetch_add(in_flight.bytes, std::memory_order_relaxed);
  const std::int64_t nanoseconds = std::chrono::nanoseconds(residence).count();
  settled_.residence.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, nanoseconds)),
                               std::memory_order_relaxed);
  settled_.work.fetch_add(static_cast<std::uint64_t>(in_flight.worked.load(std::memory_order_relaxed)),
                          std::memory_order_relaxed);
}

Leases::Settled Leases::take_settled() {
  const auto take = [](std::atomic<std::uint64_t>& sum) {
    return sum.exchange(0, std::memory_order_relaxed);
  };
  Settled taken;
  taken.batches = take(settled_.batches);
  taken.bytes = take(settled_.bytes);
  taken.residence = static_cast<double>(take(settled_.residence)) * 1e-9;
  taken.work = static_cast<double>(take(settled_.work)) * 1e-9;
  return taken;
}

}  // namespace pipec::graph
