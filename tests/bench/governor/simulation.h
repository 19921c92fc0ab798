// A simulated pipeline in simulated time: a source with a gate and a limiter, parallel workers, a
// serial sink in order. Deterministic. Runs a law through a scenario and returns the results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "bench/governor/laws.h"

namespace pipec::bench {

using OverTime = std::function<double(double seconds)>;

struct Scenario {
  std::string name;
  std::string about;
  double seconds = 30;
  unsigned workers = 2;
  std::size_t units = 12;                      // batches in flight at most
  std::size_t batch = std::size_t{256} << 10;  // requested by one receive
  std::size_t record = 1024;
  double receive_cost = 5e-6;  // of each receive
  double receive_rate = 4e9;   // bytes a second
  double stage_cost = 5e-6;    // of each batch, on a worker
  double stage_rate = 1e9;
  double sink_cost = 20e-6;  // of each batch: a write, a commit
  double sink_rate = 2e9;
  double memory = 512e6;  // the limit, with its headroom
  double base = 10e6;     // other memory of the process
  OverTime arrivals;      // bytes a second that the source has; none: always more
  OverTime sink_slowness = [](double) { return 1.0; };
  OverTime outside = [](double) { return 0.0; };    // bytes that others fill the limit with
  OverTime expansion = [](double) { return 1.0; };  // bytes out for each byte in
};

const std::vector<Scenario>& scenarios();

struct Sample {
  double time = 0, budget = 0, in_flight = 0, memory = 0, throughput = 0;
};

struct Result {
  double delivered = 0;       // bytes
  double mean_in_flight = 0;  // bytes of input
  double peak_memory = 0;     // over the limit: 1 is at the limit
  double mean_residence = 0;  // seconds
  double worst_residence = 0;
  unsigned pauses = 0;
  double held = 0;  // seconds
  double least_budget = std::numeric_limits<double>::infinity();
  double last_budget = 0;
  std::vector<Sample> samples;
};

Result simulate(const Scenario& scenario, const NamedLaw& law);

}  // namespace pipec::bench
