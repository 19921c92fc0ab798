#include "pipec/runtime/governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "pipec/runtime/cached_bytes.h"
#include "runtime/governor/budget.h"
#include "runtime/governor/memory_reader.h"
#include "runtime/governor/pressure.h"

namespace pipec::runtime {

namespace {

constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
// Applied to the limit: the kernel kills at the limit itself, and checks more often than we do.
constexpr double kHeadroom = 0.85;
// The share of the limit that may be in flight as input: copies, spare buffer capacity and the process itself
// need the rest.
constexpr std::size_t kShareInFlight = 4;
// How long a hold lasts under which everything of ours has drained, where the memory is others': each time
// longer, since it is theirs to end.
constexpr double kFirstPatience = 1;
constexpr double kLongestPatience = 8;
// If the process itself keeps this share of the memory above its permanent use, the sources are held again;
// they resume when this much is free again.
constexpr double kPauseWithin = 0.5;
constexpr double kResumeWithin = 0.2;
constexpr double kFull = 0.95;  // a lasting use above it leaves nothing to divide

std::string mebibytes(double bytes) {
  return fmt::format("{:.1f} MiB", bytes / (1 << 20));
}

double share(double of, double whole) {
  return whole > 0 ? of / whole : 0;
}

}  // namespace

struct Governor::Parts {
  Parts(GovernSettings given, std::size_t most_bytes, std::shared_ptr<SharedGovernor> with,
        SharedGovernor::Shape shape)
      : settings(std::move(given)),
        most(most_bytes),
        shared(std::move(with)),
        member(shared->join(shape)),
        band(settings.pause_above, settings.resume_below),
        budget(governor::BudgetLimits::of(settings)) {}

  // How many records one receive may return; 0: any number. Small records would make small batches, and each
  // batch has a cost. Unless latency matters most, the cap applies only once the budget has shrunk.
  std::size_t records() const { return budget.bytes() >= free_from ? 0 : budget.records(); }

  const GovernSettings settings;
  const std::size_t most;
  const std::shared_ptr<SharedGovernor> shared;
  std::shared_ptr<SharedGovernor::Member> member;
  SharedGovernor::Sums sums;
  std::size_t memory = 0;  // that the limits below were made for
  std::size_t members = 0;
  governor::MemoryReading reading;
  governor::Pressure pressure;
  governor::Hysteresis band;
  governor::Budget budget;
  std::function<void()> release;
  std::size_t free_from = 0;
  double tracked = 0;
  double last_tick = -1;
  bool held = false;
  bool draining = false;
  bool waited_enough = false;  // the hold ended although the level is above resume_below
  double held_since = 0;
  double drained_since = -1;
  double patience = kFirstPatience;
};

Governor::Governor(GovernSettings settings, std::size_t most, std::shared_ptr<SharedGovernor> shared,
                   SharedGovernor::Shape shape) {
  shape.memory = settings.memory;
  parts_ = std::make_unique<Parts>(std::move(settings), most, std::move(shared), shape);
  Parts& parts = *parts_;
  parts.pressure.add(
      {"tracked", true, 1, [this, &parts] { return share(parts.tracked, static_cast<double>(limit())); }});
  parts.pressure.add({"process", true, 1, [this, &parts] {
                        return share(static_cast<double>(parts.reading.resident.value_or(0)),
                                     static_cast<double>(limit()));
                      }});
  parts.pressure.add({"cgroup", true, 1, [&parts] { return parts.reading.group_level / kHeadroom; }});
  parts.pressure.add({"stalls", false, 0, [&parts] { return parts.reading.stalled; }});
  for (const PressureSource& source : parts.settings.more_pressure) parts.pressure.add(source);
  parts.reading = parts.shared->read();
  divide();
}

Governor::Governor(GovernSettings settings, std::size_t most, const std::string& root)
    : Governor(std::move(settings), most, std::make_shared<SharedGovernor>(0, root)) {}

Governor::~Governor() = default;

void Governor::keep_release(std::function<void()> release) {
  parts_->release = std::move(release);
}

// The settings that depend on the limit and on how many pipelines share it.
void Governor::divide() {
  Parts& parts = *parts_;
  parts.sums = parts.shared->sums();
  const std::size_t memory = parts.shared->memory();
  const std::size_t members = std::max<std::size_t>(1, parts.sums.members);
  if (memory == parts.memory && members == parts.members) return;
  const bool first = parts.members == 0;
  parts.memory = memory;
  parts.members = members;
  const auto found = static_cast<double>(memory);
  const std::size_t limit =
      memory == 0 ? 0 : std::max<std::size_t>(1, static_cast<std::size_t>(found * kHeadroom));
  limit_.store(limit, std::memory_order_relaxed);
  pause_at_.store(limit == 0
                      ? kUnlimited
                      : static_cast<std::size_t>(static_cast<double>(limit) * parts.settings.pause_above),
                  std::memory_order_relaxed);
  governor::BudgetLimits limits = governor::BudgetLimits::of(parts.settings);
  limits.cap(parts.most);
  if (memory != 0) limits.cap(memory / kShareInFlight / members);
  if (const auto group = parts.reading.limit)
    limits.cap(static_cast<std::size_t>(*group) / kShareInFlight / members);
  parts.free_from = parts.settings.profile == Profile::low_latency ? kUnlimited : limits.start;
  if (first) {
    parts.budget = governor::Budget(limits);
  } else {
    parts.budget.set_limits(limits);
  }
}

Status Governor::start() {
  Parts& parts = *parts_;
  parts.reading = parts.shared->read(true);
  divide();
  // Memory that others already hold does not show whether there is enough.
  if (parts.sums.tracked != 0 || parts.sums.in_flight != 0) return {};
  const auto resident = static_cast<double>(parts.reading.resident.value_or(0));
  const double resume_below = parts.settings.resume_below;
  if (limit() == 0 || resident < static_cast<double>(limit()) * resume_below) return {};
  const double least = resident / (resume_below > 0 ? resume_below : 1) / kHeadroom;
  return Error::make(
      ErrorCode::govern,
      fmt::format("the memory limit of {} leaves nothing for data: the process takes {} before it "
                  "reads anything; at least {} are needed",
                  mebibytes(static_cast<double>(limit()) / kHeadroom), mebibytes(resident),
                  mebibytes(least * 1.25)));
}

Governor::Decision Governor::initial() {
  divide();
  Decision decision;
  decision.budget = parts_->budget.bytes();
  decision.records = parts_->records();
  return decision;
}

void Governor::leave() {
  parts_->member.reset();
}

bool Governor::too_much(std::size_t tracked) const {
  const std::size_t beside = others_.load(std::memory_order_relaxed) + CachedBytes::total();
  return tracked >= pause_at_.load(std::memory_order_relaxed) - std::min(pause_at_.load(), beside);
}

double Governor::look(const Seen& seen, bool fresh) {
  Parts& parts = *parts_;
  parts.reading = parts.shared->read(fresh || parts.members <= 1);
  divide();
  const std::size_t others = parts.sums.tracked - std::min(parts.sums.tracked, seen.tracked);
  others_.store(others, std::memory_order_relaxed);
  parts.tracked = static_cast<double>(seen.tracked) + static_cast<double>(others) +
                  static_cast<double>(CachedBytes::total());
  return parts.pressure.sample();
}

// The level without this process's memory.
double Governor::level_of_others() const {
  const Parts& parts = *parts_;
  const std::uint64_t resident = parts.reading.resident.value_or(0);
  const std::uint64_t used = parts.reading.group_used - std::min(parts.reading.group_used, resident);
  double level = share(static_cast<double>(used), static_cast<double>(parts.reading.group_limit)) / kHeadroom;
  for (const PressureReading& reading : parts.pressure.readings()) {
    const bool known = reading.name == "tracked" || reading.name == "process" || reading.name == "cgroup";
    if (!known) level = std::max(level, reading.level);
  }
  return level;
}

void Governor::give_back() {
  if (parts_->release) parts_->release();
  parts_->shared->return_memory();
}

// Held, and nothing of this pipeline is in flight: waiting frees nothing of ours.
void Governor::end_hold(const Seen& seen, double level) {
  Parts& parts = *parts_;
  if (parts.drained_since < 0) parts.drained_since = seen.now;
  if (seen.queued != 0) parts.draining = true;
  const bool ours = level_of_others() < parts.settings.resume_below;
  const bool alone = parts.sums.in_flight <= seen.in_flight;
  if (ours && alone && level < kFull) {
    // This memory is permanently used by the process: the sources share the rest.
    parts.band.move_to(level + (1 - level) * kPauseWithin, level + (1 - level) * kResumeWithin);
  } else {
    const double patience = ours ? kFirstPatience : parts.patience;
    if (seen.now - parts.drained_since < patience) return;
    parts.patience = std::min(parts.patience * 2, kLongestPatience);
  }
  parts.band.let_go();
  parts.waited_enough = true;
  parts.drained_since = -1;
}

Governor::Decision Governor::tick(const Seen& seen) {
  Parts& parts = *parts_;
  const double passed = parts.last_tick < 0 ? 0 : std::max(0.0, seen.now - parts.last_tick);
  parts.last_tick = seen.now;
  if (parts.member) {
    parts.member->tracked.store(seen.tracked, std::memory_order_relaxed);
    parts.member->queued.store(seen.queued, std::memory_order_relaxed);
    parts.member->in_flight.store(seen.in_flight, std::memory_order_relaxed);
  }
  double level = look(seen, false);
  // Memory that the allocator keeps is no reason to hold sources.
  if (parts.band.would_hold(level)) {
    give_back();
    level = look(seen, true);
  }
  if (level <= parts.settings.resume_below) {
    parts.patience = kFirstPatience;
    parts.band.move_to(parts.settings.pause_above, parts.settings.resume_below);
  }
  parts.waited_enough = false;
  if (parts.band.update(level) && seen.in_flight == 0) {
    if (parts.drained_since < 0) {
      give_back();
      level = look(seen, true);
    }
    if (parts.band.update(level)) end_hold(seen, level);
  } else {
    parts.drained_since = -1;
  }

  Decision decision;
  decision.held = parts.band.held();
  parts.draining = parts.draining && decision.held && seen.queued != 0;
  decision.drain = parts.draining;

  governor::Round round;
  round.seconds = passed;
  round.hold = decision.held && !decision.drain;
  round.slack = level < parts.settings.resume_below;
  round.batches = seen.batches;
  round.bytes = seen.bytes;
  round.residence = seen.residence;
  round.service = seen.service;
  round.waited = seen.waited;
  round.bound = seen.bound;
  round.used = seen.used;
  round.working_set = seen.working_set;
  parts.budget.round(round);
  decision.budget = parts.budget.bytes();
  decision.records = parts.records();

  decision.edge = decision.held != parts.held;
  if (decision.edge) {
    parts.held = decision.held;
    const PressureReading& worst = parts.pressure.worst();
    std::string what = fmt::format("pressure {:.2f} ({}", level, worst.name);
    if (worst.name == "cgroup") {
      what += fmt::format(", {} of {}", mebibytes(static_cast<double>(parts.reading.group_used)),
                          mebibytes(static_cast<double>(parts.reading.group_limit)));
    } else if (worst.name == "process" || worst.name == "tracked") {
      what += fmt::format(", {} of {}", mebibytes(level * static_cast<double>(limit())),
                          mebibytes(static_cast<double>(limit())));
    }
    what += ")";
    if (decision.held) {
      parts.held_since = seen.now;
      decision.reason = what;
    } else {
      decision.reason = fmt::format("{}, after {:.1f} s", what, seen.now - parts.held_since);
      if (parts.waited_enough) decision.reason += "; everything is drained, so waiting would not help";
    }
  }
  return decision;
}

SharedGovernor::Shape Governor::shape() const {
  return parts_->shared->sums().shape;
}

double Governor::level() const {
  return parts_->pressure.level();
}

const std::vector<PressureReading>& Governor::readings() const {
  return parts_->pressure.readings();
}

}  // namespace pipec::runtime
