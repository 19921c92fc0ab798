#include "pipec/graph/pipeline.h"

#include <utility>

#include "graph/engine.h"
#include "graph/topology.h"

namespace pipec::graph {

namespace {

class EnginePipeline final : public Pipeline {
 public:
  explicit EnginePipeline(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  Outcome run() override { return engine_->run(); }
  void stop() override { engine_->stop(); }
  Progress progress() const override { return engine_->progress(); }
  std::vector<Metric> metrics() const override { return engine_->metrics(); }

 private:
  std::shared_ptr<Engine> engine_;
};

}  // namespace

std::string Watermark::to_string() const {
  return (name.empty() ? source : name) + " up to " + (bytes ? "byte " : "position ") + std::to_string(end);
}

runtime::Result<std::unique_ptr<Pipeline>> Pipeline::make(Plan plan, RunOptions options) {
  runtime::Result<Topology> topology = analyse(plan);
  if (!topology) return std::move(topology.error());
  const runtime::GovernSettings& govern = options.govern ? *options.govern : plan.govern;
  if (runtime::Status good = govern.check(); !good) return std::move(good.error());
  auto engine = std::make_shared<Engine>(std::move(plan), std::move(*topology), std::move(options));
  return std::unique_ptr<Pipeline>(std::make_unique<EnginePipeline>(std::move(engine)));
}

}  // namespace pipec::graph
