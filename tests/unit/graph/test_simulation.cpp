// The plain classes under random schedules. PIPEC_SEED replays one, PIPEC_STEPS sets how long.
#include <cstdlib>

#include "support/catch.h"
#include "unit/graph/simulator.h"

using namespace pipec::test;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

#ifdef NDEBUG
constexpr std::uint64_t kSteps = 10'000'000;
#else
constexpr std::uint64_t kSteps = 1'000'000;
#endif

}  // namespace

TEST_CASE("D2 D3 D4 D6 D7 G2 G4 the delivery machinery under random completion, failures and restarts") {
  const std::uint64_t first = from_environment("PIPEC_SEED", 1);
  const std::uint64_t seeds = std::getenv("PIPEC_SEED") ? 1 : 10;
  const std::uint64_t steps = from_environment("PIPEC_STEPS", kSteps / seeds);
  std::uint64_t done = 0, commits = 0, failures = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const SimulationResult result = simulate(seed, steps);
    INFO("replay with PIPEC_SEED=" << seed << " PIPEC_STEPS=" << steps);
    CHECK(result.violation == "");
    done += result.steps;
    commits += result.commits;
    failures += result.failures;
  }
  CHECK(done >= seeds * steps);
  // The schedules do what they are for.
  CHECK(commits > 1'000);
  CHECK(failures > 10);
}
