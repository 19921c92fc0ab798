// Drives the plain classes of the delivery machinery (limiter, sequencer, countdown, failure, commit barrier)
// through random schedules: several sources and partitions, fan-out, dead letters, failures anywhere, refused
// commits, restarts. An independent oracle keeps its own records and checks I1 to I6.
#pragma once

#include <cstdint>
#include <string>

namespace pipec::test {

struct SimulationResult {
  std::string violation;  // empty: every promise held
  std::uint64_t steps = 0;
  std::uint64_t commits = 0;
  std::uint64_t failures = 0;
  std::uint64_t episodes = 0;
};

// The same seed gives the same schedule.
SimulationResult simulate(std::uint64_t seed, std::uint64_t steps);

}  // namespace pipec::test
