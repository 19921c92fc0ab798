// Runs a Plan. One Pipeline is one run; two of them in a process know nothing of each other, unless they are
// given the same RunOptions::governor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipec/graph/picture.h"
#include "pipec/graph/plan.h"
#include "pipec/runtime/checkpoint.h"
#include "pipec/runtime/clock.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/shared_governor.h"

namespace pipec::graph {

// How often a retriable failure of a sink or a commit is retried before it is terminal (D14).
struct RetryLimits {
  unsigned attempts = 10;                // after the first try; 0: never again
  std::chrono::milliseconds first{100};  // the wait before the first of them; doubles each time
  std::chrono::milliseconds longest{10'000};
};

struct RunOptions {
  unsigned threads = 0;                              // workers; 0: usable CPUs (affinity and cgroup quota)
  std::size_t batch_bytes = std::size_t{256} << 10;  // requested from one receive
  // In flight between receive and sink, at most this plus one record. Without it: as the governor sees fit,
  // or 8 MiB where there is none.
  std::optional<std::size_t> budget_bytes = {};
  std::optional<runtime::GovernSettings> govern = {};  // overrides the plan's
  // Shared by pipelines that have one memory limit in common (G12). Null: this pipeline has its own limit, as
  // if it were alone in the process. With `govern off` a pipeline is never held, but its memory counts.
  std::shared_ptr<runtime::SharedGovernor> governor = {};
  std::chrono::milliseconds drain_deadline{30'000};  // after stop(); past it run() returns an error
  // Logs a notice when batches are in flight and none has finished for this long; 0: never.
  std::chrono::milliseconds stall_notice{30'000};
  std::chrono::milliseconds commit_interval{
      0};  // at least this long between two commits; the last one is at the end
  RetryLimits retry;
  runtime::CheckpointStore* checkpoint = nullptr;  // null: nothing is kept across runs
  // The sources start over: their checkpoint entries are removed once every source and sink is open.
  bool from_start = false;
  // ... and outputs begin empty. A run that is stopped before that is done is continued by the next one.
  bool truncate = false;
  const runtime::Clock* clock = &runtime::Clock::system();
  // One line per event worth knowing, one call at a time; may be empty. Must not throw and not block.
  std::function<void(const std::string& line)> log = {};
  // D11: called about every `ticker_interval` while the pipeline runs; an error is logged and counted.
  std::chrono::milliseconds ticker_interval{0};
  std::function<runtime::Status()> ticker;
};

struct Summary {
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;       // written by sinks, each sink counts
  std::uint64_t records_filtered = 0;  // by filters, drops
  std::uint64_t dead_letters = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t batches = 0;
  std::uint64_t commits = 0;
  std::uint64_t ticker_errors = 0;
  std::chrono::nanoseconds elapsed{0};
  bool stopped = false;  // by stop(), before the end of the input
  // Governed: how often and how long the sources were held, and the smallest budget during that time.
  std::uint64_t pauses = 0;
  std::chrono::nanoseconds held{0};
  std::uint64_t least_budget = 0;
};

// The committed position of a source's partition, as of the last commit.
struct Watermark {
  std::string source = {};      // the node's name
  std::string name = {};        // the input, if the source names it (a file's path); may be empty
  std::uint32_t partition = 0;  // the receiver's own number of it
  std::uint64_t end = 0;        // all below it, in the source's unit
  bool bytes = false;           // ... which is bytes

  std::string to_string() const;  // "access.ndjson up to byte 1234"
};

// How a run ended. `error` is the first fatal one: its code and message, the node and the place in the text
// it came from. Without an error, everything received was written, and committed unless `commit sink` leaves
// that to the sink. With an error, `committed` holds the positions committed so far, by source and partition;
// the next run resumes there.
struct Outcome {
  std::optional<runtime::Error> error = {};
  Summary summary;
  std::vector<Watermark> committed = {};
};

struct Progress {
  std::uint64_t bytes_in = 0;
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::uint64_t dead_letters = 0;
  std::optional<std::uint64_t> total_bytes = {};  // nullopt: not known
};

// A metric of a run for monitoring systems. docs/governor.md lists them.
struct Metric {
  enum class Kind : std::uint8_t { gauge, counter };
  std::string name = {};   // "budget_bytes"; never changes
  std::string label = {};  // which source, node, pressure; may be empty
  Kind kind = Kind::gauge;
  double value = 0;
  std::string place = {};  // of a node: "file:line:column" in the text, where two may have one name
};

// None of its functions throws.
class Pipeline {
 public:
  // Checks the plan's shape, without creating or opening connectors.
  static runtime::Result<std::unique_ptr<Pipeline>> make(Plan plan, RunOptions options);
  // Stops a run that is in progress in another thread and waits for it, as documented for stop().
  virtual ~Pipeline() = default;
  // Opens, runs to the end of all sources, or until stop() or the first fatal error; drains, commits, closes.
  // Blocks the calling thread. Once per Pipeline: a second call returns an error and does nothing.
  virtual Outcome run() = 0;
  // From any thread, any number of times: stops the sources, drains batches in flight and commits them.
  // Returns immediately. If connectors are still being opened, opening is interrupted, and run() ends without
  // an error.
  virtual void stop() = 0;
  virtual Progress progress() const = 0;            // from any thread
  virtual std::vector<Metric> metrics() const = 0;  // from any thread
  // Every node and edge of the graph that runs, or would run.
  virtual Picture picture() const = 0;
};

}  // namespace pipec::graph
