#include "graph/common.h"

#include <utility>

#include "graph/cpus.h"

namespace pipec::graph {

namespace {

constexpr std::size_t kUngovernedBudget = std::size_t{8} << 20;

// Batches in flight: enough that no worker ever waits for the next, few enough that their buffers stay in the
// cache, plus twice the number of sources, since each source holds one while it waits for data.
std::size_t most_batches(unsigned threads, const Topology& topology) {
  return std::size_t{4} * threads + 4 + 2 * topology.sources.size();
}

RunOptions with_clock(RunOptions options, const runtime::Clock& clock) {
  options.clock = &clock;
  return options;
}

std::size_t first_budget(const RunOptions& options) {
  return options.budget_bytes.value_or(kUngovernedBudget);
}

}  // namespace

Common::Common(Plan own_plan, Topology own_topology, RunOptions own_options)
    : plan(std::move(own_plan)),
      topology(std::move(own_topology)),
      clock(own_options.clock),
      options(with_clock(std::move(own_options), clock)),
      threads(options.threads != 0 ? options.threads : usable_cpus()),
      pools(2 * most_batches(threads, topology)),
      faults(plan, pools.buffers),
      nodes(faults.route_place() + 1),
      log(options.log),
      limiter(first_budget(options), most_batches(threads, topology), topology.sources.size()),
      leases(limiter, plan, topology, options, threads, first_budget(options), govern().on),
      shared{plan, topology, options, threads, faults, pools, leases, counters, nodes, timer, log} {}

}  // namespace pipec::graph
