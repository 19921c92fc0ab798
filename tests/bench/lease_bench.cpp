// The governor's cost per batch: a lease from request to release, and the clock readings around its stages.
#include <benchmark/benchmark.h>

#include <memory>

#include "graph/state/limiter.h"
#include "graph/work_timer.h"
#include "pipec/runtime/governor.h"

using namespace pipec;

namespace {

void lease(benchmark::State& state) {
  using What = graph::LimiterCall::What;
  graph::Limiter limiter(std::size_t{8} << 20, 12, 1);
  limiter.on_grant([](const graph::Permit& permit) { benchmark::DoNotOptimize(permit); });
  for (auto _ : state) {
    limiter.take({.what = What::request, .bytes = 512 << 10});
    limiter.correct(512 << 10, 500'000);
    limiter.grow(1000);
    limiter.take({.what = What::credit, .bytes = 501'000});
  }
}
BENCHMARK(lease);

void work_timer(benchmark::State& state) {
  graph::InFlightBatch in_flight;
  graph::NodeCounters node;
  for (auto _ : state) graph::WorkTimer(&runtime::Clock::system(), in_flight, node);
}
BENCHMARK(work_timer);

// Twenty times a second, not per batch.
void governor_round(benchmark::State& state) {
  runtime::Governor governor({}, std::size_t{64} << 20);
  runtime::Governor::Seen seen;
  for (auto _ : state) {
    seen.now += 0.05;
    benchmark::DoNotOptimize(governor.tick(seen));
  }
}
BENCHMARK(governor_round);

}  // namespace

BENCHMARK_MAIN();
