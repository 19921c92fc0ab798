#include "pipec/graph/pipeline.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "graph/run.h"
#include "graph/topology.h"
#include "pipec/runtime/guarded.h"

namespace pipec::graph {

namespace {

Outcome failed(runtime::Error error) {
  return {.error = std::move(error), .summary = {}, .committed = {}};
}

// Nothing escapes from any of its functions.
class RunPipeline final : public Pipeline {
 public:
  explicit RunPipeline(std::shared_ptr<Run> run) : run_(std::move(run)) {}

  // Destroying a running pipeline ends the run.
  ~RunPipeline() override {
    stop();
    const std::shared_ptr<Use> use = use_;
    std::unique_lock lock(use->mutex);
    // In the thread of run(), from a callback of the run's: run() keeps the run.
    if (use->runner == std::this_thread::get_id()) return;
    use->changed.wait(lock, [&] { return !use->running; });
  }

  Outcome run() override {
    // The object itself may be gone when run() returns.
    const std::shared_ptr<Run> run = run_;
    const std::shared_ptr<Use> use = use_;
    Outcome outcome;
    runtime::Status status = runtime::guarded([&]() -> runtime::Status {
      {
        const std::lock_guard lock(use->mutex);
        if (use->begun) {
          return runtime::Error{
              "usage", "run() was already called: make another Pipeline for each run", {}, {}, false};
        }
        use->begun = use->running = true;
        use->runner = std::this_thread::get_id();
      }
      runtime::Status ended = runtime::guarded([&] { outcome = run->run(); });
      const std::lock_guard lock(use->mutex);
      use->running = false;
      use->runner = {};
      use->changed.notify_all();
      return ended;
    });
    if (!status) return failed(std::move(status.error()));
    return outcome;
  }

  void stop() override {
    static_cast<void>(runtime::guarded([&] { run_->stop(); }));
  }
  Progress progress() const override {
    Progress progress;
    static_cast<void>(runtime::guarded([&] { progress = run_->progress(); }));
    return progress;
  }
  Picture picture() const override {
    Picture picture;
    static_cast<void>(runtime::guarded([&] { picture = run_->picture(); }));
    return picture;
  }
  std::vector<Metric> metrics() const override {
    std::vector<Metric> metrics;
    static_cast<void>(runtime::guarded([&] { metrics = run_->metrics(); }));
    return metrics;
  }

 private:
  struct Use {
    std::mutex mutex;
    std::condition_variable changed;
    bool begun = false;
    bool running = false;
    std::thread::id runner;
  };
  std::shared_ptr<Run> run_;
  const std::shared_ptr<Use> use_ = std::make_shared<Use>();
};

}  // namespace

std::string Watermark::to_string() const {
  return (name.empty() ? source : name) + " up to " + (bytes ? "byte " : "position ") + std::to_string(end);
}

runtime::Result<std::unique_ptr<Pipeline>> Pipeline::make(Plan plan, RunOptions options) {
  return runtime::guarded([&]() -> runtime::Result<std::unique_ptr<Pipeline>> {
    if (plan.problem) return *plan.problem;
    if (!options.clock) return runtime::Error{"usage", "RunOptions::clock is null", {}, {}, false};
    runtime::Result<Topology> topology = analyse(plan);
    if (!topology) return std::move(topology.error());
    const runtime::GovernSettings& govern = options.govern ? *options.govern : plan.govern;
    if (runtime::Status good = govern.check(); !good) return std::move(good.error());
    auto run = std::make_shared<Run>(std::move(plan), std::move(*topology), std::move(options));
    return std::unique_ptr<Pipeline>(std::make_unique<RunPipeline>(std::move(run)));
  });
}

}  // namespace pipec::graph
