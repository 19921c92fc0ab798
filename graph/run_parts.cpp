// What a run is made of, and what it tells of itself.
#include <fmt/format.h>

#include <limits>
#include <utility>

#include "graph/cpus.h"
#include "graph/run.h"

namespace pipec::graph {

namespace {

constexpr std::size_t kUngovernedBudget = std::size_t{8} << 20;

// Batches in flight: enough that no worker ever waits for the next, few enough that their buffers stay in the
// cache. Twice the sources come on top, each of which holds one while it waits for data.
std::size_t most_batches(unsigned threads, std::size_t sources) {
  return std::size_t{4} * threads + 4 + 2 * sources;
}

RunOptions with_clock(RunOptions options, const runtime::Clock& clock) {
  options.clock = &clock;
  return options;
}

const runtime::GovernSettings& settings_of(const Plan& plan, const RunOptions& options) {
  return options.govern ? *options.govern : plan.govern;
}

}  // namespace

RunParts::RunParts(Plan own_plan, Topology own_topology, RunOptions own_options)
    : plan(std::move(own_plan)),
      topology(std::move(own_topology)),
      clock(own_options.clock),
      options(with_clock(std::move(own_options), clock)),
      threads(options.threads != 0 ? options.threads : usable_cpus()),
      pools(2 * most_batches(threads, topology.sources.size())),
      limiter(options.budget_bytes.value_or(kUngovernedBudget),
              most_batches(threads, topology.sources.size()), topology.sources.size()),
      leases(limiter, plan, topology, options, threads, options.budget_bytes.value_or(kUngovernedBudget),
             settings_of(plan, options).on),
      shared{plan, topology, options, threads, faults, pools, leases, counters, timer, log} {
  const runtime::GovernSettings& settings = settings_of(plan, options);
  if (!settings.on) {
    if (options.governor) ungoverned = options.governor->join(shape());
    return;
  }
  const std::size_t most = options.budget_bytes.value_or(std::numeric_limits<std::size_t>::max());
  const auto common = options.governor ? options.governor : std::make_shared<runtime::SharedGovernor>();
  auto governor = std::make_unique<runtime::Governor>(settings, most, common, shape());
  governor->keep_release([this] { pools.buffers.trim(); });
  governing = std::make_unique<Governing>(shared, connectors, ledger, std::move(governor));
}

runtime::SharedGovernor::Shape RunParts::shape() const {
  const bool has_route = plan.dead_letters.kind == DeadLetterPolicy::Kind::sink;
  return {0, threads, topology.sources.size(), topology.sinks.size() + (has_route ? 1 : 0)};
}

Progress Run::progress() {
  const Counters& counters = parts_.counters;
  Progress now;
  now.bytes_in = counters.bytes_in.load(std::memory_order_relaxed);
  now.records_in = counters.records_in.load(std::memory_order_relaxed);
  now.records_out = counters.records_out.load(std::memory_order_relaxed);
  now.dead_letters = counters.dead_letters.load(std::memory_order_relaxed);
  std::optional<std::uint64_t> total = 0;
  const bool open = parts_.connectors.while_open([&] {
    for (const Connectors::Source& source : parts_.connectors.sources()) {
      runtime::Result<std::optional<std::uint64_t>> bytes = runtime::guarded(
          [&]() -> runtime::Result<std::optional<std::uint64_t>> { return source.receiver->total_bytes(); });
      if (!bytes) parts_.faults.fail_soon(std::move(bytes.error()), source.node);
      if (total && bytes && *bytes) {
        *total += **bytes;
      } else {
        total.reset();
      }
    }
  });
  if (open) now.total_bytes = total;
  return now;
}

std::vector<Metric> Run::metrics() {
  std::vector<Metric> all;
  const auto gauge = [&](std::string name, double value, std::string label = {}) {
    all.push_back({std::move(name), std::move(label), Metric::Kind::gauge, value});
  };
  const auto count = [&](std::string name, const std::atomic<std::uint64_t>& value) {
    const auto now = static_cast<double>(value.load(std::memory_order_relaxed));
    all.push_back({std::move(name), {}, Metric::Kind::counter, now});
  };
  const Counters& counters = parts_.counters;
  count("records_in", counters.records_in);
  count("records_out", counters.records_out);
  count("records_filtered", counters.records_filtered);
  count("dead_letters", counters.dead_letters);
  count("errors", counters.errors);
  count("bytes_in", counters.bytes_in);
  count("bytes_out", counters.bytes_out);
  count("batches", counters.batches);
  count("commits", counters.commits);
  gauge("budget_bytes", static_cast<double>(parts_.leases.budget()));
  gauge("in_flight_bytes", static_cast<double>(parts_.limiter.used_bytes()));
  gauge("in_flight_batches", static_cast<double>(parts_.limiter.used_units()));
  gauge("last_received_bytes", static_cast<double>(parts_.leases.last_received()));
  gauge("buffer_bytes", static_cast<double>(parts_.pools.buffers.used_bytes()));
  static_cast<void>(parts_.connectors.while_open([&] {
    for (const Connectors::Source& source : parts_.connectors.sources()) {
      runtime::Status status = runtime::guarded([&] {
        for (runtime::Gauge& each : source.receiver->gauges()) {
          gauge(std::move(each.name), each.value, parts_.plan.nodes[source.node].name);
        }
      });
      if (!status) parts_.faults.fail_soon(std::move(status.error()), source.node);
    }
  }));
  if (parts_.governing) parts_.governing->add_metrics(all);
  return all;
}

Outcome Run::outcome() const {
  Outcome outcome;
  outcome.error = parts_.faults.first().error();
  const Counters& counters = parts_.counters;
  Summary& summary = outcome.summary;
  summary.records_in = counters.records_in;
  summary.records_out = counters.records_out;
  summary.records_filtered = counters.records_filtered;
  summary.dead_letters = counters.dead_letters;
  summary.errors = counters.errors;
  summary.bytes_in = counters.bytes_in;
  summary.bytes_out = counters.bytes_out;
  summary.batches = counters.batches;
  summary.commits = counters.commits;
  summary.ticker_errors = counters.ticker_errors;
  summary.elapsed = parts_.options.clock->steady_now() - started_;
  summary.stopped = parts_.faults.stopping();
  if (parts_.governing) {
    const Governing::Pauses pauses = parts_.governing->pauses();
    summary.pauses = pauses.count;
    summary.held = pauses.held;
    summary.least_budget = pauses.least_budget;
  }
  for (const Ledger::Committed& each : parts_.ledger.committed()) {
    const std::string& source = parts_.plan.nodes[parts_.topology.sources[each.source]].name;
    outcome.committed.push_back({source, each.name, each.partition, each.end, each.bytes});
  }
  return outcome;
}

}  // namespace pipec::graph
