// A pipeline over doubles, run to its end.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "pipec/graph/builder.h"
#include "pipec/graph/pipeline.h"
#include "support/doubles.h"

namespace pipec::test {

using graph::Builder;
using graph::Outcome;
using graph::Pipeline;
using graph::RunOptions;

inline std::shared_ptr<SourceScript> source_of(std::vector<std::string> records, std::size_t per_batch = 10) {
  auto script = std::make_shared<SourceScript>();
  script->records = std::move(records);
  script->per_batch = per_batch;
  return script;
}

inline Builder::MakeReceiver receiver(std::shared_ptr<SourceScript> script) {
  return [script = std::move(script)] { return std::make_unique<ScriptedReceiver>(script); };
}

inline Builder::MakeSink sink(std::shared_ptr<SinkScript> script) {
  return [script = std::move(script)] { return std::make_unique<ScriptedSink>(script); };
}

// Retries at once: no test waits for a backoff.
inline RunOptions options(unsigned threads = 2) {
  RunOptions options;
  options.threads = threads;
  options.retry.first = options.retry.longest = std::chrono::milliseconds(0);
  options.retry.attempts = 5;
  return options;
}

inline std::unique_ptr<Pipeline> make(const Builder& builder, RunOptions options) {
  auto made = Pipeline::make(builder.plan(), std::move(options));
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(*made);
}

inline Outcome run(const Builder& builder, RunOptions options) {
  return make(builder, std::move(options))->run();
}

inline std::string code(const Outcome& outcome) {
  return outcome.error ? outcome.error->code : "ok";
}
inline std::string message(const Outcome& outcome) {
  return outcome.error ? outcome.error->message : "";
}

}  // namespace pipec::test
