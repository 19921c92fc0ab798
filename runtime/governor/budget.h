// How many bytes may be in flight (G8, G9): the control law that docs/governor.md explains and the simulation
// in tests/bench/governor compares with others. A plain class; time is passed in as elapsed seconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "pipec/runtime/govern.h"

namespace pipec::runtime::governor {

struct BudgetLimits {
  std::size_t start = 0;
  std::size_t ceiling = 0;
  std::size_t step = 0;       // added at a time
  std::size_t records = 0;    // of one receive, at the start's budget and above
  double residence_goal = 0;  // seconds between receive and settled; nothing shrinks for time below it
  std::size_t floor = 1024;   // one nominal record
  double target_rho = 0.70;
  double md_factor = 0.50;

  static BudgetLimits of(const GovernSettings& settings);
  // An upper limit for bytes in flight, regardless of the profile.
  void cap(std::size_t bytes);
};

// The events since the last round.
struct Round {
  double seconds = 0;
  bool hold = false;            // memory pressure holds the intake
  bool slack = true;            // ... is low enough to grow
  std::uint64_t batches = 0;    // that were settled
  std::uint64_t bytes = 0;      // of them
  double residence = 0;         // seconds, summed over them
  double service = 0;           // of that, seconds of work on them, summed
  bool waited = false;          // a source had to wait for credit, in bytes or batches
  bool bound = false;           // ... and it was the budget that had none
  std::size_t used = 0;         // bytes in flight; 0: not known
  std::size_t working_set = 0;  // what keeps all workers busy: two batches each
};

class Budget {
 public:
  explicit Budget(const BudgetLimits& limits) : limits_(limits), bytes_(limits.start) {}

  void round(const Round& round);
  // Called when other pipelines start or end: the budget is cut to the new ceiling.
  void set_limits(const BudgetLimits& limits);

  std::size_t bytes() const { return bytes_; }
  // How many records one receive may return at most.
  std::size_t records() const;

  // The learned values; 0 before the first sample.
  double residence() const { return residence_.value_or(0); }
  double rho() const;
  double bandwidth() const { return bandwidth_.value_or(0); }

 private:
  void learn(const Round& round);
  bool behind(const Round& round) const;
  bool may_grow(const Round& round) const;
  void shrink(std::size_t from, std::size_t keep);

  BudgetLimits limits_;
  std::size_t bytes_;
  std::optional<double> residence_;  // smoothed; seeded by the first observation
  std::optional<double> service_;    // the part that is work; the rest is waiting
  std::optional<double> bandwidth_;  // bytes a second, smoothed
  double window_seconds_ = 0;        // of the bandwidth's next sample
  std::uint64_t window_bytes_ = 0;
  std::uint64_t window_batches_ = 0;
  double since_change_ = 0;
  bool held_ = false;
};

}  // namespace pipec::runtime::governor
