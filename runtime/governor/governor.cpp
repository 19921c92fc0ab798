#include "pipec/runtime/governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "runtime/governor/budget.h"
#include "runtime/governor/memory_reader.h"
#include "runtime/governor/pressure.h"

namespace pipec::runtime {

namespace {

// What the limit is multiplied by: the kernel kills at the limit itself, and looks more often than we do.
constexpr double kHeadroom = 0.85;
// Of the limit, what may be in flight as input: its copies on the way, the buffers' spare room and the
// process itself need the rest.
constexpr std::size_t kShareInFlight = 4;
// A hold under which all is drained cannot end by waiting for ourselves. After this long the sources are let
// go for a moment; each time later.
constexpr double kFirstPatience = 1;
constexpr double kLongestPatience = 60;

std::string mebibytes(double bytes) {
  return fmt::format("{:.1f} MiB", bytes / (1 << 20));
}

double share(double of, double whole) {
  return whole > 0 ? of / whole : 0;
}

}  // namespace

struct Governor::Parts {
  Parts(const GovernSettings& settings, std::string root)
      : reader(std::move(root)),
        band(settings.pause_above, settings.resume_below),
        budget(governor::BudgetLimits::of(settings)),
        resume_below(settings.resume_below) {}

  governor::MemoryReader reader;
  governor::MemoryReading memory;
  governor::Pressure pressure;
  governor::Hysteresis band;
  governor::Budget budget;
  // How many records one receive may return; 0: any number. Small records would make small batches, and each
  // batch has its price: unless latency is what matters, the cap counts once the budget has shrunk.
  std::size_t records() const { return budget.bytes() >= free_from ? 0 : budget.records(); }

  std::size_t free_from = 0;
  double resume_below;
  double tracked = 0;
  double last_tick = -1;
  bool held = false;
  double held_since = 0;
  double drained_since = -1;
  double patience = kFirstPatience;
};

Governor::Governor(GovernSettings settings, std::size_t most, std::string root)
    : parts_(std::make_unique<Parts>(settings, std::move(root))) {
  Parts& parts = *parts_;
  parts.memory = parts.reader.read();
  const double found = settings.memory != 0 ? static_cast<double>(settings.memory)
                                            : static_cast<double>(parts.memory.found_limit().value_or(0));
  limit_ = found > 0 ? std::max<std::size_t>(1, static_cast<std::size_t>(found * kHeadroom)) : 0;
  pause_at_ = limit_ == 0 ? std::numeric_limits<std::size_t>::max()
                          : static_cast<std::size_t>(static_cast<double>(limit_) * settings.pause_above);

  governor::BudgetLimits limits = governor::BudgetLimits::of(settings);
  limits.cap(most);
  if (found > 0) limits.cap(static_cast<std::size_t>(found) / kShareInFlight);
  if (const auto group = parts.memory.limit) limits.cap(static_cast<std::size_t>(*group) / kShareInFlight);
  parts.budget = governor::Budget(limits);
  parts.free_from =
      settings.profile == Profile::low_latency ? std::numeric_limits<std::size_t>::max() : limits.start;

  const auto limit = static_cast<double>(limit_);
  parts.pressure.add({"tracked", true, 1, [&parts, limit] { return share(parts.tracked, limit); }});
  parts.pressure.add({"process", true, 1, [&parts, limit] {
                        return share(static_cast<double>(parts.memory.resident.value_or(0)), limit);
                      }});
  parts.pressure.add({"cgroup", true, 1, [&parts] { return parts.memory.group_level / kHeadroom; }});
  parts.pressure.add({"stalls", false, 0, [&parts] { return parts.memory.stalled; }});
  for (PressureSource& source : settings.more_pressure) parts.pressure.add(std::move(source));
}

Governor::~Governor() = default;

Status Governor::start() {
  Parts& parts = *parts_;
  parts.memory = parts.reader.read();
  const auto resident = static_cast<double>(parts.memory.resident.value_or(0));
  if (limit_ == 0 || resident < static_cast<double>(limit_) * parts.resume_below) return {};
  const double least = resident / (parts.resume_below > 0 ? parts.resume_below : 1) / kHeadroom;
  return Error{"govern",
               fmt::format("the memory limit of {} leaves nothing for data: the process takes {} before it "
                           "reads anything; at least {} are needed",
                           mebibytes(static_cast<double>(limit_) / kHeadroom), mebibytes(resident),
                           mebibytes(least * 1.25)),
               {},
               {},
               false};
}

Governor::Decision Governor::initial() const {
  Decision decision;
  decision.budget = parts_->budget.bytes();
  decision.records = parts_->records();
  return decision;
}

Governor::Decision Governor::tick(const Seen& seen) {
  Parts& parts = *parts_;
  const double passed = parts.last_tick < 0 ? 0 : std::max(0.0, seen.now - parts.last_tick);
  parts.last_tick = seen.now;
  parts.memory = parts.reader.read();
  parts.tracked = static_cast<double>(seen.tracked);
  const double level = parts.pressure.sample();

  Decision decision;
  decision.held = parts.band.update(level);
  bool probing = false;
  if (!decision.held || seen.in_flight != 0) {
    parts.drained_since = -1;
  } else if (parts.drained_since < 0) {
    parts.drained_since = seen.now;
    decision.trim = true;
  } else if (seen.now - parts.drained_since >= parts.patience) {
    probing = true;
    parts.band.let_go();
    decision.held = false;
    parts.drained_since = -1;
    parts.patience = std::min(parts.patience * 2, kLongestPatience);
  }
  if (level <= parts.resume_below) parts.patience = kFirstPatience;

  governor::Round round;
  round.seconds = passed;
  round.hold = decision.held;
  round.slack = level < parts.resume_below;
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
      what += fmt::format(", {} of {}", mebibytes(static_cast<double>(parts.memory.group_used)),
                          mebibytes(static_cast<double>(parts.memory.group_limit)));
    } else if (worst.name == "process" || worst.name == "tracked") {
      what += fmt::format(", {} of {}", mebibytes(level * static_cast<double>(limit_)),
                          mebibytes(static_cast<double>(limit_)));
    }
    what += ")";
    if (decision.held) {
      parts.held_since = seen.now;
      decision.trim = true;
      decision.reason = what;
    } else {
      decision.reason = fmt::format("{}, after {:.1f} s", what, seen.now - parts.held_since);
      if (probing) decision.reason += "; all is drained and waiting gains nothing";
    }
  }
  return decision;
}

double Governor::level() const {
  return parts_->pressure.level();
}

const std::vector<PressureReading>& Governor::readings() const {
  return parts_->pressure.readings();
}

}  // namespace pipec::runtime
