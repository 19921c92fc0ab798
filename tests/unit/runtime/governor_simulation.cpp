// The law of the budget in the simulation of tests/bench/governor, compared with the others.
#include <algorithm>

#include "bench/governor/simulation.h"
#include "support/catch.h"

using namespace pipec::bench;

namespace {

const Scenario& scenario(const std::string& name) {
  for (const Scenario& one : scenarios()) {
    if (one.name == name) return one;
  }
  throw std::runtime_error("no scenario " + name);
}

Result run(const Scenario& one, const std::string& law, double seconds = 0) {
  Scenario shortened = one;
  if (seconds > 0) shortened.seconds = seconds;
  for (const NamedLaw& named : laws()) {
    if (named.name == law) return simulate(shortened, named);
  }
  throw std::runtime_error("no law " + law);
}

}  // namespace

TEST_CASE("G9 no collapse: with low memory the law delivers as much as an ungoverned pipe") {
  for (const char* name :
       {"saturated, cheap", "saturated, commit 100 us", "saturated, commit 2 ms", "far sink", "trickle",
        "paced 50 %", "paced 80 %", "paced 95 %", "burst", "sink 100 x slower", "sink stalls", "balloon"}) {
    INFO(name);
    const double off = run(scenario(name), "off", 12).delivered;
    const double governed = run(scenario(name), "pipec", 12).delivered;
    CHECK(governed >= 0.95 * off);
  }
}

TEST_CASE("G9 the naive law does collapse in the same simulation") {
  const Scenario& saturated = scenario("saturated, commit 100 us");
  CHECK(run(saturated, "naive", 5).delivered < 0.05 * run(saturated, "off", 5).delivered);
}

TEST_CASE("G8 a slow sink: the queue shrinks to the size that keeps it busy, and the budget stays there") {
  const Scenario& slow = scenario("slow sink");
  const Result off = run(slow, "off"), governed = run(slow, "pipec");
  CHECK(governed.delivered >= 0.99 * off.delivered);
  CHECK(governed.mean_in_flight < 0.4 * off.mean_in_flight);
  double least = 1e18, most = 0;
  for (const Sample& sample : governed.samples) {
    if (sample.time < 20) continue;
    least = std::min(least, sample.budget);
    most = std::max(most, sample.budget);
  }
  CHECK(most <= 1.5 * least);
}

TEST_CASE("G8 pressure from outside: the intake is held, the budget shrinks, and both recover") {
  const Result result = run(scenario("outside pressure"), "pipec");
  CHECK(result.pauses == 1);
  CHECK(result.held > 4.9);
  CHECK(result.held < 5.2);
  CHECK(result.least_budget <= 512 * 1024);
  CHECK(result.last_budget >= 8.0 * (1 << 20));
}

TEST_CASE("G8 too little memory for the initial budget: the law finds one that fits") {
  const Scenario& small = scenario("small memory");
  const Result off = run(small, "off"), governed = run(small, "pipec");
  CHECK(off.peak_memory > 0.85);
  CHECK(governed.pauses >= 1);
  CHECK(governed.peak_memory < 1);
  CHECK(governed.delivered >= 0.9 * off.delivered);
}
