// The governor's thread: what it sees, what it decides, and the figures that others may read.
#include <fmt/format.h>

#include <algorithm>

#include "graph/engine.h"

namespace pipec::graph {

using runtime::Status;
using Decision = runtime::Governor::Decision;

namespace {

constexpr std::chrono::milliseconds kRound{50};

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Status Engine::start_governing() {
  if (!governor_) return {};
  if (Status status = governor_->start(); !status) return status;
  // A record is there several times over: as it is read, in what stages make of it, in the sinks' buffers.
  constexpr std::size_t kRecordShare = 8;
  // An eighth is for what all workers of all pipelines make of a record each, at the same time; a half for
  // the one that makes more.
  constexpr std::size_t kEvaluationShare = 8;
  largest_record_ = governor_->limit() / kRecordShare;
  if (governor_->limit() != 0) {
    evaluation_.each =
        governor_->limit() / kEvaluationShare / std::max<std::size_t>(1, governor_->shape().threads);
    evaluation_.most = governor_->limit() / 16 * 7;
  }
  const Decision initial = governor_->initial();
  limiter_.set_limit(initial.budget);
  budget_ = initial.budget;
  most_records_ = initial.records;
  least_budget_ = initial.budget;
  return {};
}

// The others may have its share.
void Engine::leave_governor() {
  if (governor_) governor_->leave();
  ungoverned_.reset();
}

// With `govern off`: nothing holds this pipeline, but those that share the memory see what it takes.
void Engine::publish_use() {
  Thrown thrown;
  {
    const std::lock_guard lock(state_);
    if (!opened_) return;
    const Tracked now = tracked(thrown);
    ungoverned_->tracked.store(now.bytes, std::memory_order_relaxed);
    ungoverned_->queued.store(now.queued, std::memory_order_relaxed);
    ungoverned_->in_flight.store(in_flight_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  if (thrown) fail_at_node(std::move(thrown->first), thrown->second);
}

void Engine::govern_loop() {
  std::unique_lock lock(govern_mutex_);
  for (;;) {
    govern_changed_.wait_for(lock, kRound, [&] { return govern_stopped_ || look_now_; });
    if (govern_stopped_) return;
    look_now_ = false;
    lock.unlock();
    // Without memory this round is left out.
    static_cast<void>(guarded([&] { govern_once(); }));
    lock.lock();
    ++looks_;
    govern_changed_.notify_all();
  }
}

void Engine::govern_once() {
  runtime::Governor::Seen seen;
  seen.now = seconds(options_.clock->steady_now().time_since_epoch());
  const Tracked in_use = tracked();
  seen.tracked = in_use.bytes;
  seen.queued = in_use.queued;
  seen.in_flight = in_flight_.load(std::memory_order_relaxed);
  seen.batches = settled_.batches.exchange(0, std::memory_order_relaxed);
  seen.bytes = settled_.bytes.exchange(0, std::memory_order_relaxed);
  seen.residence = static_cast<double>(settled_.residence.exchange(0, std::memory_order_relaxed)) * 1e-9;
  seen.service = static_cast<double>(settled_.work.exchange(0, std::memory_order_relaxed)) * 1e-9;
  const BlockingLimiter::Waits waits = limiter_.take_waits();
  seen.waited = waits.any;
  seen.bound = waits.for_bytes;
  seen.used = limiter_.used_bytes();
  seen.working_set = std::size_t{2} * threads_ * options_.batch_bytes;
  Decision decision;
  Status status = guarded([&]() -> Status {
    decision = governor_->tick(seen);
    return {};
  });
  if (!status) return;  // a pressure source of the embedding program threw: it says nothing this time
  if (abandoned_.load()) return;
  if (decision.budget != budget_.load(std::memory_order_relaxed)) {
    budget_.store(decision.budget, std::memory_order_relaxed);
    limiter_.set_limit(decision.budget);
  }
  most_records_.store(decision.records, std::memory_order_relaxed);
  {
    const std::lock_guard lock(govern_mutex_);
    pressure_level_ = governor_->level();
    pressures_ = governor_->readings();
    least_budget_ = std::min(least_budget_, decision.budget);
  }
  if (decision.edge) set_held(decision.held, decision.reason);
  gate_.drain(decision.drain);
}

// An edge: sources do not receive under a hold, and those that hold a connection are told, once each (G7).
void Engine::set_held(bool held, const std::string& reason) {
  if (held ? !gate_.close() : !gate_.open()) return;
  const Time now = options_.clock->steady_now();
  {
    const std::lock_guard lock(govern_mutex_);
    if (held) {
      ++pauses_;
      held_since_ = now;
    } else {
      held_for_ += now - held_since_;
    }
  }
  std::string names;
  {
    const std::lock_guard lock(state_);
    if (!opened_) return;
    for (Source& source : sources_) {
      if (!names.empty()) names += ", ";
      names += plan_.nodes[source.node].name;
      Status told = guarded([&]() -> Status {
        held ? source.receiver->pause() : source.receiver->resume();
        return {};
      });
      if (!told) failure_.fail_source(at_node(std::move(told.error()), source.node));
    }
  }
  if (failure_.any()) end_early();
  log(fmt::format("governor: {} {}: {}", held ? "paused" : "resumed", names, reason));
}

Engine::Tracked Engine::tracked(Thrown& thrown) const {
  Tracked all;
  const auto ask = [&](const auto& connector, std::size_t place) -> std::size_t {
    std::size_t bytes = 0;
    if (!connector) return bytes;
    Status status = guarded([&] { bytes = connector->queued_bytes(); });
    if (!status) thrown.emplace(std::move(status.error()), place);
    return bytes;
  };
  for (const Source& source : sources_) all.queued += ask(source.receiver, source.node);
  all.bytes = buffers_.used_bytes() + all.queued;
  for (const SinkEnd& end : sinks_) all.bytes += ask(end.sink, end.node);
  all.bytes += ask(dead_letter_sink_, route_place());
  return all;
}

Engine::Tracked Engine::tracked() {
  Thrown thrown;
  const Tracked all = tracked(thrown);
  if (thrown) fail_at_node(std::move(thrown->first), thrown->second);
  return all;
}

std::size_t Engine::queued_by(const Source& source) {
  std::size_t bytes = 0;
  Status status = guarded([&] { bytes = source.receiver->queued_bytes(); });
  if (!status) fail_at_node(std::move(status.error()), source.node);
  return bytes;
}

void Engine::have_it_look() {
  std::unique_lock lock(govern_mutex_);
  look_now_ = true;
  govern_changed_.notify_all();
  govern_changed_.wait(lock, [&, before = looks_] { return govern_stopped_ || looks_ > before; });
}

void Engine::stop_governing() {
  const std::lock_guard lock(govern_mutex_);
  govern_stopped_ = true;
  govern_changed_.notify_all();
}

std::size_t Engine::made_in(const runtime::Batch& batch, std::size_t buffers_before) {
  std::size_t bytes = 0;
  for (std::size_t i = buffers_before; i < batch.buffers.size(); ++i) bytes += batch.buffers[i]->size();
  return bytes;
}

// What one stage may write before what it has done is to leave memory: what was reserved for it, or its share
// of what is free, and always some times what came in, so that ordinary stages never hear of it.
std::size_t Engine::output_allowance(Delivery& delivery) const {
  constexpr std::size_t kOrdinary = 3;
  const std::size_t budget = budget_.load(std::memory_order_relaxed);
  const std::size_t used = limiter_.used_bytes();
  const std::size_t share = budget > used ? (budget - used) / (std::size_t{2} * threads_) : 0;
  const std::lock_guard lock(delivery.mutex);
  const std::size_t real = delivery.bytes + delivery.made;
  const std::size_t reserved = delivery.lease > real ? delivery.lease - real : 0;
  return std::max({kOrdinary * delivery.bytes, share, reserved});
}

// A part of the batch has left memory before the rest.
void Engine::note_freed(Delivery& delivery, std::size_t bytes) {
  if (!governor_) return;
  const std::lock_guard lock(delivery.mutex);
  delivery.made -= std::min(delivery.made, bytes);
  const std::size_t all = delivery.bytes + delivery.made;
  if (all >= delivery.lease) return;
  limiter_.correct(delivery.lease, all);
  delivery.lease = all;
}

// What a stage wrote into new buffers is in flight as well (G2). Workers never wait: the batch keeps what it
// needs, and the next ones wait at the source.
void Engine::note_made(Delivery& delivery, std::size_t bytes) {
  if (!governor_ || bytes == 0) return;
  const std::lock_guard lock(delivery.mutex);
  delivery.made += bytes;
  const std::size_t all = delivery.bytes + delivery.made;
  if (all <= delivery.lease) return;
  limiter_.grow(all - delivery.lease);
  delivery.lease = all;
}

// So is an outline, for as long as a parcel holds it. Branches that share one count it each.
void Engine::note_outline(Parcel& parcel) {
  const std::size_t bytes = parcel.batch.outline.bytes();
  if (bytes > parcel.outlined) note_made(*parcel.delivery, bytes - parcel.outlined);
  if (bytes < parcel.outlined) note_freed(*parcel.delivery, parcel.outlined - bytes);
  parcel.outlined = bytes;
}

// A batch has come to an end of its branches: how much stages make of each byte is known. More is believed at
// once, less slowly.
void Engine::note_expansion(Delivery& delivery) {
  Source& source = sources_[delivery.source];
  if (!source.has_stages) return;
  std::size_t made = 0;
  {
    const std::lock_guard lock(delivery.mutex);
    made = delivery.made;
  }
  const double seen =
      static_cast<double>(made) / static_cast<double>(std::max<std::size_t>(1, delivery.bytes));
  const double known = source.expansion.load(std::memory_order_relaxed);
  source.expansion.store(seen > known ? seen : known + (seen - known) / 16, std::memory_order_relaxed);
  if (known < 0) source.probed.open();
}

void Engine::note_settled(const Delivery& delivery) {
  const auto residence = options_.clock->steady_now() - delivery.received;
  settled_.batches.fetch_add(1, std::memory_order_relaxed);
  settled_.bytes.fetch_add(delivery.bytes, std::memory_order_relaxed);
  const std::int64_t nanoseconds = std::chrono::nanoseconds(residence).count();
  settled_.residence.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, nanoseconds)),
                               std::memory_order_relaxed);
  settled_.work.fetch_add(static_cast<std::uint64_t>(delivery.worked.load(std::memory_order_relaxed)),
                          std::memory_order_relaxed);
}

std::vector<Metric> Engine::metrics() {
  std::vector<Metric> all;
  const auto gauge = [&](std::string name, double value, std::string label = {}) {
    all.push_back({std::move(name), std::move(label), Metric::Kind::gauge, value});
  };
  const auto counter = [&](std::string name, double value) {
    all.push_back({std::move(name), {}, Metric::Kind::counter, value});
  };
  const auto count = [&](std::string name, const std::atomic<std::uint64_t>& value) {
    counter(std::move(name), static_cast<double>(value.load(std::memory_order_relaxed)));
  };
  count("records_in", counters_.records_in);
  count("records_out", counters_.records_out);
  count("records_filtered", counters_.records_filtered);
  count("dead_letters", counters_.dead_letters);
  count("errors", counters_.errors);
  count("bytes_in", counters_.bytes_in);
  count("bytes_out", counters_.bytes_out);
  count("batches", counters_.batches);
  count("commits", counters_.commits);
  gauge("budget_bytes", static_cast<double>(budget_.load()));
  gauge("in_flight_bytes", static_cast<double>(limiter_.used_bytes()));
  gauge("in_flight_batches", static_cast<double>(limiter_.used_units()));
  gauge("last_received_bytes", static_cast<double>(last_received_.load()));
  gauge("buffer_bytes", static_cast<double>(buffers_.used_bytes()));
  // Until all are open, sources come in: not even their number may be looked at.
  std::optional<std::pair<runtime::Error, std::size_t>> thrown;
  if (const std::lock_guard lock(state_); opened_) {
    for (const Source& source : sources_) {
      Status status = guarded([&] {
        for (runtime::Gauge& each : source.receiver->gauges()) {
          gauge(std::move(each.name), each.value, plan_.nodes[source.node].name);
        }
      });
      if (!status) thrown.emplace(std::move(status.error()), source.node);
    }
  }
  if (thrown) fail_at_node(std::move(thrown->first), thrown->second);
  if (!governor_) return all;
  const bool held = !gate_.is_open();
  gauge("memory_limit_bytes", static_cast<double>(governor_->limit()));
  for (const std::uint32_t node : topology_.sources) gauge("paused", held ? 1 : 0, plan_.nodes[node].name);
  const std::lock_guard lock(govern_mutex_);
  gauge("pressure", pressure_level_);
  for (const runtime::PressureReading& reading : pressures_)
    gauge("pressure_of", reading.level, reading.name);
  counter("pauses", static_cast<double>(pauses_));
  const auto now = held ? options_.clock->steady_now() - held_since_ : std::chrono::nanoseconds(0);
  counter("paused_seconds", seconds(held_for_ + now));
  return all;
}

}  // namespace pipec::graph
