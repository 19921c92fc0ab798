#include "runtime/governor/budget.h"

#include <algorithm>

namespace pipec::runtime::governor {

namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

constexpr double kSmoothing = 0.25;     // the share of a new observation in an average
constexpr double kHoldAgain = 1;        // a hold that lasts shrinks the budget once a second
constexpr double kLongestPatience = 2;  // seconds to wait for a change to show, at most
constexpr double kSampleSeconds = 1;    // a sample of the bandwidth is this long or this many batches
constexpr std::uint64_t kSampleBatches = 16;
constexpr double kFullPipe = 2;  // bandwidth x service time, times this, is never given up for time

double smoothed(const std::optional<double>& before, double now) {
  return before ? *before + kSmoothing * (now - *before) : now;
}

}  // namespace

BudgetLimits BudgetLimits::of(const GovernSettings& settings) {
  BudgetLimits limits;
  switch (settings.profile) {
    case Profile::throughput:
      limits = {16 * kMiB, 128 * kMiB, 512 * kKiB, 2000, 2.0};
      break;
    case Profile::balanced:
      limits = {8 * kMiB, 64 * kMiB, 256 * kKiB, 1000, 0.5};
      break;
    case Profile::low_latency:
      limits = {1 * kMiB, 16 * kMiB, 128 * kKiB, 500, 0.05};
      break;
  }
  limits.target_rho = settings.target_rho;
  limits.md_factor = settings.md_factor;
  return limits;
}

void BudgetLimits::cap(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, 1);
  start = std::min(start, bytes);
  ceiling = std::min(ceiling, bytes);
  floor = std::min(floor, bytes);
}

// Of an M/M/1 queue this is the utilisation: residence = service / (1 - rho).
double Budget::rho() const {
  if (!service_ || !residence_ || !(*residence_ > 0)) return 0;
  return std::clamp(1 - *service_ / *residence_, 0.0, 1.0);
}

std::size_t Budget::records() const {
  const double share = static_cast<double>(bytes_) / static_cast<double>(limits_.start);
  const double records = static_cast<double>(limits_.records) * std::min(1.0, share);
  return std::max<std::size_t>(1, static_cast<std::size_t>(records));
}

void Budget::set_limits(const BudgetLimits& limits) {
  limits_ = limits;
  bytes_ = std::min(bytes_, limits_.ceiling);
}

void Budget::learn(const Round& round) {
  window_seconds_ += round.seconds;
  if (round.batches != 0) {
    const auto batches = static_cast<double>(round.batches);
    residence_ = smoothed(residence_, round.residence / batches);
    service_ = smoothed(service_, round.service / batches);
    window_bytes_ += round.bytes;
    window_batches_ += round.batches;
  }
  if (window_seconds_ > 0 && (window_batches_ >= kSampleBatches || window_seconds_ >= kSampleSeconds)) {
    // A second without a batch is no evidence about the pipeline's capacity.
    if (window_batches_ != 0)
      bandwidth_ = smoothed(bandwidth_, static_cast<double>(window_bytes_) / window_seconds_);
    window_seconds_ = 0;
    window_bytes_ = 0;
    window_batches_ = 0;
  }
}

// True if batches wait longer than they are processed, longer than the profile allows, and sources queue to
// add more: having less in flight shortens the queue and costs nothing.
bool Budget::behind(const Round& round) const {
  return round.waited && residence_ && *residence_ > limits_.residence_goal && rho() > limits_.target_rho;
}

// Growing back to the start value is always allowed. Beyond that, only if the budget is what limits the
// sources, and a larger one would not just lengthen a queue.
bool Budget::may_grow(const Round& round) const {
  if (!round.slack || bytes_ >= limits_.ceiling) return false;
  if (bytes_ < limits_.start && !round.bound) return true;
  return round.bound && (residence() <= limits_.residence_goal || rho() < limits_.target_rho / 2);
}

void Budget::shrink(std::size_t from, std::size_t keep) {
  const auto less = static_cast<std::size_t>(static_cast<double>(from) * limits_.md_factor);
  bytes_ = std::min(bytes_, std::max({less, keep, limits_.floor}));
  since_change_ = 0;
}

void Budget::round(const Round& round) {
  learn(round);
  since_change_ += round.seconds;
  if (round.hold) {
    if (!held_ || since_change_ >= kHoldAgain) shrink(bytes_, limits_.floor);
    held_ = true;
    return;
  }
  held_ = false;
  // A change takes effect only when the batches that it admitted, or held back, have finished.
  if (since_change_ < std::min(residence_.value_or(0), kLongestPatience)) return;
  if (behind(round)) {
    const double full = kFullPipe * bandwidth_.value_or(0) * service_.value_or(0);
    // If the number of batches was the limit, unused bytes do not limit anything.
    shrink(round.used != 0 ? std::min(bytes_, round.used) : bytes_,
           std::max(round.working_set, static_cast<std::size_t>(full)));
    return;
  }
  if (!may_grow(round)) return;
  bytes_ = std::min(limits_.ceiling, bytes_ + limits_.step);
  since_change_ = 0;
}

}  // namespace pipec::runtime::governor
