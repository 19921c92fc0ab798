#include "graph/governing.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pipec::graph {

using runtime::guarded;
using runtime::Status;
using Decision = runtime::Governor::Decision;

namespace {

constexpr std::chrono::milliseconds kRound{50};

// G10: queues of client libraries count towards the limit. A quarter of it is for data that receivers read
// ahead, an eighth for data that waits in sinks to be sent; the budget of records is at most another quarter.
constexpr std::size_t kReceiversPart = 4;
constexpr std::size_t kSinksPart = 8;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Governing::Governing(const Shared& shared, Connectors& connectors, const Ledger& ledger,
                     std::unique_ptr<runtime::Governor> governor)
    : shared_(shared), connectors_(connectors), ledger_(ledger), governor_(std::move(governor)) {}

void Governing::add_to(Wiring& wiring) {
  const auto node = add_node<LimiterCall>(wiring, "governor", "governor", Wiring::Runs::own_thread,
                                          [](const LimiterCall&) {});
  limits = add_port<LimiterCall>(wiring, node, "limit");
}

Status Governing::start() {
  if (Status status = governor_->start(); !status) return status;
  // A record exists several times: as input, in the output of stages, in the sinks' buffers.
  constexpr std::size_t kRecordShare = 8;
  // An eighth is for the evaluation of one record per worker, in all workers of all pipelines together; half
  // for a single one that needs more.
  constexpr std::size_t kEvaluationShare = 8;
  const std::size_t limit = governor_->limit();
  largest_record_ = limit / kRecordShare;
  if (limit != 0) {
    runtime::ArenaBounds bounds;
    bounds.each = limit / kEvaluationShare / std::max<std::size_t>(1, governor_->shape().threads);
    bounds.most = limit / 16 * 7;
    shared_.leases.bound_evaluation(bounds);
  }
  const Decision initial = governor_->initial();
  limits.hand_on({.what = LimiterCall::What::new_limit, .bytes = initial.budget});
  shared_.leases.allow(initial.budget, initial.records);
  const std::lock_guard lock(mutex_);
  figures_.pauses.least_budget = initial.budget;
  return {};
}

Connectors::QueueLimits Governing::queue_limits() const {
  const auto share = [&](std::size_t part, std::size_t among) {
    return governor_->limit() / part / std::max<std::size_t>(among, 1);
  };
  return {share(kReceiversPart, governor_->shape().receivers), share(kSinksPart, governor_->shape().sinks)};
}

void Governing::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait_for(lock, kRound, [&] { return stopped_ || look_now_; });
    if (stopped_) return;
    look_now_ = false;
    lock.unlock();
    // Without memory this round is left out.
    static_cast<void>(guarded([&] { look(); }));
    lock.lock();
    ++looks_;
    changed_.notify_all();
  }
}

void Governing::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void Governing::have_it_look() {
  std::unique_lock lock(mutex_);
  look_now_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&, before = looks_] { return stopped_ || looks_ > before; });
}

bool Governing::too_much_beside(std::size_t own) const {
  if (ledger_.in_flight() == 0) return false;
  const std::size_t all = shared_.pools.buffers.used_bytes() + connectors_.held().bytes;
  return governor_->too_much(all - std::min(all, own));
}

void Governing::look() {
  runtime::Governor::Seen seen;
  seen.now = seconds(shared_.options.clock->steady_now().time_since_epoch());
  const Connectors::Held held = connectors_.held();
  seen.tracked = shared_.pools.buffers.used_bytes() + held.bytes;
  seen.queued = held.queued;
  seen.in_flight = ledger_.in_flight();
  const Leases::Settled settled = shared_.leases.take_settled();
  seen.batches = settled.batches;
  seen.bytes = settled.bytes;
  seen.residence = settled.residence;
  seen.service = settled.work;
  Limiter& limiter = shared_.leases.limiter();
  const Limiter::Waits waits = limiter.take_waits();
  seen.waited = waits.any;
  seen.bound = waits.for_bytes;
  seen.used = limiter.used_bytes();
  seen.working_set = std::size_t{2} * shared_.threads * shared_.options.batch_bytes;
  Decision decision;
  Status status = guarded([&] { decision = governor_->tick(seen); });
  if (!status) return;  // a pressure source of the embedding program threw: skip it this time
  if (shared_.faults.abandoned()) return;
  if (decision.budget != shared_.leases.budget()) {
    limits.hand_on({.what = LimiterCall::What::new_limit, .bytes = decision.budget});
  }
  shared_.leases.allow(decision.budget, decision.records);
  {
    const std::lock_guard lock(mutex_);
    figures_.level = governor_->level();
    figures_.pressures = governor_->readings();
    figures_.pauses.least_budget = std::min(figures_.pauses.least_budget, decision.budget);
  }
  if (decision.edge) set_held(decision.held, decision.reason);
  gate_.drain(decision.drain);
}

// Starts or ends a hold. Sources do not receive during a hold, and those that keep a connection are notified,
// once each (G7).
void Governing::set_held(bool held, const std::string& reason) {
  if (held ? !gate_.close() : !gate_.open()) return;
  const Time now = shared_.options.clock->steady_now();
  {
    const std::lock_guard lock(mutex_);
    if (held) {
      ++figures_.pauses.count;
      figures_.held_since = now;
    } else {
      figures_.pauses.held += now - figures_.held_since;
    }
  }
  std::string names;
  const bool open = connectors_.while_open([&] {
    for (const Connectors::Source& source : connectors_.sources()) {
      if (!names.empty()) names += ", ";
      names += shared_.plan.nodes[source.node].name;
      Status told = guarded([&] { held ? source.receiver->pause() : source.receiver->resume(); });
      if (!told) shared_.faults.fail_source(shared_.faults.at(std::move(told.error()), source.node));
    }
  });
  if (!open) return;
  if (shared_.faults.any()) shared_.faults.end();
  shared_.log.line(fmt::format("governor: {} {}: {}", held ? "paused" : "resumed", names, reason));
}

Governing::Pauses Governing::pauses() const {
  const std::lock_guard lock(mutex_);
  Pauses all = figures_.pauses;
  if (!gate_.is_open()) all.held += shared_.options.clock->steady_now() - figures_.held_since;
  return all;
}

void Governing::add_metrics(std::vector<Metric>& all) const {
  const auto gauge = [&](std::string name, double value, std::string label = {}) {
    all.push_back({std::move(name), std::move(label), Metric::Kind::gauge, value, {}});
  };
  const double held = gate_.is_open() ? 0 : 1;
  gauge("memory_limit_bytes", static_cast<double>(governor_->limit()));
  for (const Connectors::Source& source : connectors_.sources())
    gauge("paused", held, shared_.plan.nodes[source.node].name);
  const Pauses paused = pauses();
  {
    const std::lock_guard lock(mutex_);
    gauge("pressure", figures_.level);
    for (const runtime::PressureReading& reading : figures_.pressures)
      gauge("pressure_of", reading.level, reading.name);
  }
  all.push_back({"pauses", {}, Metric::Kind::counter, static_cast<double>(paused.count), {}});
  all.push_back({"paused_seconds", {}, Metric::Kind::counter, seconds(paused.held), {}});
}

}  // namespace pipec::graph
