// Runs every law through every scenario. usage: bench_governor_laws [DIRECTORY]
// Prints the table of docs/governor.md; with a directory, writes samples.csv for plot.py there.
#include <cstdio>
#include <string>

#include "bench/governor/simulation.h"

using namespace pipec::bench;

int main(int argc, char** argv) {
  std::FILE* samples = nullptr;
  if (argc > 1) {
    samples = std::fopen((std::string(argv[1]) + "/samples.csv").c_str(), "w");
    if (!samples) return 1;
    std::fprintf(samples, "scenario;law;time;budget;in_flight;memory;throughput\n");
  }
  std::printf(
      "| scenario | law | of `off` | in flight, MiB | residence, ms: mean, worst | memory, peak | budget, "
      "MiB: "
      "least, last | pauses |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (const Scenario& scenario : scenarios()) {
    double ungoverned = 0;
    for (const NamedLaw& law : laws()) {
      const Result result = simulate(scenario, law);
      if (law.name == "off") ungoverned = result.delivered;
      std::printf("| %s | %s | %.3f | %.2f | %.1f, %.0f | %.2f | %.3f, %.3f | %u |\n", scenario.name.c_str(),
                  law.name.c_str(), ungoverned > 0 ? result.delivered / ungoverned : 0,
                  result.mean_in_flight / (1 << 20), result.mean_residence * 1e3,
                  result.worst_residence * 1e3, result.peak_memory, result.least_budget / (1 << 20),
                  result.last_budget / (1 << 20), result.pauses);
      if (!samples) continue;
      for (const Sample& sample : result.samples) {
        std::fprintf(samples, "%s;%s;%.2f;%.0f;%.0f;%.4f;%.0f\n", scenario.name.c_str(), law.name.c_str(),
                     sample.time, sample.budget, sample.in_flight, sample.memory, sample.throughput);
      }
    }
  }
  if (samples) std::fclose(samples);
  return 0;
}
