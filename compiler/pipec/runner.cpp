#include "compiler/pipec/runner.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "compiler/pipec/progress.h"
#include "compiler/pipec/summary.h"
#include "pipec/runtime/guarded.h"

namespace pipec::cli {
namespace {

// A bar between records on one terminal would be in their way.
bool writes_to_stdout(const graph::Plan& plan) {
  const auto is_stdout = [](const graph::Node& node) { return node.name == "sink stdout"; };
  return std::ranges::any_of(plan.nodes, is_stdout) || plan.dead_letters.name == "dlq stdout";
}

}  // namespace

Runner::Runner(Console& console, const Arguments& arguments)
    : console_(console),
      arguments_(arguments),
      signals_(console, {.on_stop = [this] { stop(); },
                         .on_report = [this] { console_.line(progress_report(progress())); },
                         .deadline = arguments.deadline}) {}

bool Runner::add(graph::Plan plan, runtime::CheckpointStore* checkpoint, std::string prefix) {
  if (is_terminal(STDOUT_FILENO) && writes_to_stdout(plan)) writes_to_terminal_ = true;
  graph::RunOptions options;
  options.threads = arguments_.threads;
  if (arguments_.budget_bytes != 0) options.budget_bytes = arguments_.budget_bytes;
  options.governor = governor_;
  options.drain_deadline = arguments_.deadline;
  options.checkpoint = checkpoint;
  options.from_start = arguments_.from_start;
  options.truncate = arguments_.truncate;
  options.commit_interval = arguments_.commit_interval;
  if (!arguments_.quiet) {
    options.log = [this, prefix](const std::string& line) { console_.line(prefix + line); };
  }
  auto pipeline = graph::Pipeline::make(std::move(plan), std::move(options));
  if (!pipeline) {
    report_failure(console_, prefix, {.error = pipeline.error(), .summary = {}, .committed = {}});
    return false;
  }
  const std::lock_guard lock(mutex_);
  jobs_.push_back({std::move(prefix), std::move(*pipeline), {}});
  if (stopping_) jobs_.back().pipeline->stop();
  return true;
}

void Runner::run() {
  std::optional<ProgressBar> bar;
  if (console_.terminal() && !arguments_.quiet && !writes_to_terminal_) {
    bar.emplace(console_, [this] { return progress(); });
  }
  std::vector<std::thread> threads;
  for (std::size_t at = 1; at < jobs_.size(); ++at) {
    Job& job = jobs_[at];
    runtime::Status started =
        runtime::guarded([&] { threads.emplace_back([&job] { job.outcome = job.pipeline->run(); }); });
    if (started) continue;
    job.outcome.error =
        runtime::Error{"resources", "cannot start a thread (" + started.error().message + ")", {}, {}, false};
  }
  if (!jobs_.empty()) jobs_.front().outcome = jobs_.front().pipeline->run();
  for (std::thread& thread : threads) thread.join();
}

int Runner::report() {
  int status = kDone;
  for (const Job& job : jobs_) {
    if (!job.outcome.error) continue;
    report_failure(console_, job.prefix, job.outcome);
    status = kFailed;
  }
  if (status == kDone && signals_.received() == SIGINT) status = kInterrupted;
  return status;
}

void Runner::stop() {
  if (!arguments_.quiet)
    console_.line(
        "stopping: batches in flight are drained and committed; interrupt again to quit immediately");
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (const Job& job : jobs_) job.pipeline->stop();
}

graph::Progress Runner::progress() {
  const std::lock_guard lock(mutex_);
  graph::Progress sum;
  sum.total_bytes = 0;
  for (const Job& job : jobs_) {
    const graph::Progress one = job.pipeline->progress();
    sum.bytes_in += one.bytes_in;
    sum.records_in += one.records_in;
    sum.records_out += one.records_out;
    sum.dead_letters += one.dead_letters;
    // The sum is known where every part is.
    if (!one.total_bytes) sum.total_bytes.reset();
    if (sum.total_bytes && one.total_bytes) *sum.total_bytes += *one.total_bytes;
  }
  return sum;
}

}  // namespace pipec::cli
