// The status that a run reports.
#include "graph/run.h"

namespace pipec::graph {

namespace {

// A glob may match any number of files; a monitoring system takes no series for each of a hundred thousand.
constexpr std::size_t kMostWatermarks = 1000;

}  // namespace

Progress Run::progress() {
  const Counters& counters = common_.counters;
  Progress now;
  now.bytes_in = counters.bytes_in.load(std::memory_order_relaxed);
  now.records_in = counters.records_in.load(std::memory_order_relaxed);
  now.records_out = counters.records_out.load(std::memory_order_relaxed);
  now.dead_letters = counters.dead_letters.load(std::memory_order_relaxed);
  std::optional<std::uint64_t> total = 0;
  const bool open = connectors_.while_open([&] {
    for (const Connectors::Source& source : connectors_.sources()) {
      runtime::Result<std::optional<std::uint64_t>> bytes = runtime::guarded(
          [&]() -> runtime::Result<std::optional<std::uint64_t>> { return source.receiver->total_bytes(); });
      if (!bytes) common_.faults.fail_soon(std::move(bytes.error()), source.node);
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
    all.push_back({std::move(name), std::move(label), Metric::Kind::gauge, value, {}});
  };
  const auto count = [&](std::string name, const std::atomic<std::uint64_t>& value) {
    const auto now = static_cast<double>(value.load(std::memory_order_relaxed));
    all.push_back({std::move(name), {}, Metric::Kind::counter, now, {}});
  };
  const Counters& counters = common_.counters;
  count("records_in", counters.records_in);
  count("records_out", counters.records_out);
  count("records_filtered", counters.records_filtered);
  count("dead_letters", counters.dead_letters);
  count("errors", counters.errors);
  count("bytes_in", counters.bytes_in);
  count("bytes_out", counters.bytes_out);
  count("batches", counters.batches);
  count("commits", counters.commits);
  gauge("budget_bytes", static_cast<double>(common_.leases.budget()));
  gauge("in_flight_bytes", static_cast<double>(common_.limiter.used_bytes()));
  gauge("in_flight_batches", static_cast<double>(common_.limiter.used_units()));
  gauge("last_received_bytes", static_cast<double>(common_.leases.last_received()));
  gauge("buffer_bytes", static_cast<double>(common_.pools.buffers.used_bytes()));
  static_cast<void>(connectors_.while_open([&] {
    for (const Connectors::Source& source : connectors_.sources()) {
      runtime::Status status = runtime::guarded([&] {
        for (runtime::Gauge& each : source.receiver->gauges()) {
          gauge(std::move(each.name), each.value, common_.plan.nodes[source.node].name);
        }
      });
      if (!status) common_.faults.fail_soon(std::move(status.error()), source.node);
    }
  }));
  add_node_metrics(all);
  if (const std::vector<Watermark> marks = committed(); marks.size() <= kMostWatermarks) {
    for (const Watermark& mark : marks) {
      const std::string input = mark.name.empty() ? std::to_string(mark.partition) : mark.name;
      gauge("committed_position", static_cast<double>(mark.end), mark.source + " " + input);
    }
  }
  if (governing_) governing_->add_metrics(all);
  return all;
}

void Run::add_node_metrics(std::vector<Metric>& all) const {
  const auto report = [&](std::size_t node, const std::string& name, const runtime::Place& place) {
    const NodeCounters& counters = common_.nodes[node];
    const auto count = [&](const char* what, double value) {
      all.push_back({what, name, Metric::Kind::counter, value, place.to_string()});
    };
    count("node_records_in", static_cast<double>(counters.records_in.load(std::memory_order_relaxed)));
    count("node_records_out", static_cast<double>(counters.records_out.load(std::memory_order_relaxed)));
    count("node_dead_letters", static_cast<double>(counters.dead_letters.load(std::memory_order_relaxed)));
    count("node_retries", static_cast<double>(counters.retries.load(std::memory_order_relaxed)));
    count("node_work_seconds", 1e-9 * static_cast<double>(counters.worked.load(std::memory_order_relaxed)));
  };
  const std::vector<Node>& nodes = common_.plan.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].kind == Node::Kind::merge || nodes[i].kind == Node::Kind::drop) continue;
    report(i, nodes[i].name, nodes[i].place);
  }
  const DeadLetterPolicy& letters = common_.plan.dead_letters;
  if (!letters.name.empty()) report(nodes.size(), letters.name, letters.place);
}

std::vector<Watermark> Run::committed() const {
  std::vector<Watermark> all;
  for (const Ledger::Committed& each : ledger_.committed()) {
    const std::string& source = common_.plan.nodes[common_.topology.sources[each.source]].name;
    all.push_back({source, each.name, each.partition, each.end, each.bytes});
  }
  return all;
}

Outcome Run::outcome() const {
  Outcome outcome;
  outcome.error = common_.faults.first().error();
  const Counters& counters = common_.counters;
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
  summary.elapsed = common_.options.clock->steady_now() - started_;
  summary.stopped = common_.faults.stopping();
  if (governing_) {
    const Governing::Pauses pauses = governing_->pauses();
    summary.pauses = pauses.count;
    summary.held = pauses.held;
    summary.least_budget = pauses.least_budget;
  }
  outcome.committed = committed();
  return outcome;
}

}  // namespace pipec::graph
