// The settings of a pipeline's memory governor that an embedding program or the `govern` directive may set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/error.h"

namespace pipec::runtime {

enum class Profile : std::uint8_t { throughput, balanced, low_latency };

inline constexpr std::array<std::string_view, 3> kProfileNames = {"throughput", "balanced", "low_latency"};
std::optional<Profile> profile_named(std::string_view name);

// A level between 0 (no pressure) and 1 (at the limit); NaN counts as 0. `read` is called from the governor's
// thread, about twenty times a second. A hard source counts fully, a soft one times its weight, which is
// clamped to [0, 1]: with weight 0 it is only a metric.
struct PressureSource {
  std::string name = {};
  bool hard = false;
  double weight = 1;
  std::function<double()> read;
};

struct GovernSettings {
  bool on = true;
  std::size_t memory = 0;  // the limit in bytes; 0: the cgroup's, else the machine's
  Profile profile = Profile::balanced;
  double pause_above = 0.80;   // the sources are paused at this pressure
  double resume_below = 0.65;  // and resumed below this one
  double target_rho = 0.70;  // the share of its time that a batch may spend waiting before the budget shrinks
  double md_factor = 0.50;   // the factor by which the budget shrinks
  std::vector<PressureSource> more_pressure = {};

  // The API rejects the same settings that the compiler rejects in a .pipe file (G6).
  Status check() const;
};

// A reading of a run's memory; see Governor.
struct PressureReading {
  std::string name = {};
  bool hard = false;
  double level = 0;  // weighted
};

}  // namespace pipec::runtime
