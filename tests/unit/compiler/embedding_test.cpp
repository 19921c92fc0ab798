// Text and C++ in one pipeline, and connectors of the program under names.
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "pipec/pipec.h"
#include "support/catch.h"

using namespace pipec;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Result;
using runtime::Status;

namespace {

// Says in the log what its clock shows.
class Rows final : public runtime::Receiver {
 public:
  Rows(const runtime::Options& options, const runtime::ConnectorContext& context)
      : left_(options.integer("count", 3)) {
    context.log("rows at " + std::to_string(context.clock->unix_nanoseconds()));
  }
  Status open(const runtime::StateEntries&) override { return {}; }
  Result<runtime::Received> receive(const runtime::ReceiveLimits& limits, runtime::Block& block) override {
    if (next_ == left_) return runtime::Received::end;
    for (; next_ < left_ && !limits.reached_by(block); ++next_) {
      block.add_record("{\"id\":" + std::to_string(next_ / 2) + "}", static_cast<std::uint64_t>(next_));
    }
    return runtime::Received::records;
  }
  Status commit(std::span<const runtime::PositionRange>) override { return {}; }

 private:
  std::int64_t left_;
  std::int64_t next_ = 0;
};

class Never final : public runtime::Receiver {
 public:
  Never() { throw std::runtime_error("no table"); }
  Status open(const runtime::StateEntries&) override { return {}; }
  Result<runtime::Received> receive(const runtime::ReceiveLimits&, runtime::Block&) override {
    return runtime::Received::end;
  }
  Status commit(std::span<const runtime::PositionRange>) override { return {}; }
  void describe(std::span<const runtime::PositionRange>, runtime::StateEntries&) const override {}
};

std::vector<std::string>& collected() {
  static std::vector<std::string> all;
  return all;
}

class Collect final : public runtime::Sink {
 public:
  Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    for (const runtime::Record& record : batch.records) collected().emplace_back(batch.payload(record));
    return {};
  }
};

class FixedClock final : public runtime::Clock {
 public:
  std::chrono::steady_clock::time_point steady_now() const override { return {}; }
  std::int64_t unix_nanoseconds() const override { return 42; }
};

void register_own(runtime::Registry& registry) {
  runtime::OptionSpec count;
  count.name = "count";
  count.types = runtime::Type::integer;
  REQUIRE(runtime::register_receiver<Rows>(registry, "rows", {count}));
  REQUIRE(runtime::register_receiver<Never>(registry, "never"));
  REQUIRE(runtime::register_sink<Collect>(registry, "collect"));
  stdlib::register_all(registry);
}

Status run(Result<graph::Plan> plan, graph::RunOptions options = {}) {
  if (!plan) return plan.error();
  auto pipeline = graph::Pipeline::make(std::move(*plan), std::move(options));
  if (!pipeline) return pipeline.error();
  graph::Outcome outcome = (*pipeline)->run();
  return outcome.error ? Status(*outcome.error) : Status();
}

std::unique_ptr<runtime::Receiver> rows() {
  runtime::Options options;
  runtime::ConnectorContext context;
  context.clock = &runtime::Clock::system();
  context.log = [](const std::string&) {};
  return std::make_unique<Rows>(options, context);
}

}  // namespace

TEST_CASE("connectors of the program get a name in one call, and their clock and log from the run") {
  runtime::Registry registry;
  register_own(registry);
  CHECK(registry.receiver("never")->resumable);  // it describes positions
  CHECK_FALSE(registry.receiver("rows")->resumable);
  collected().clear();
  std::vector<std::string> log;
  const FixedClock clock;
  graph::RunOptions options;
  options.clock = &clock;
  options.govern.emplace().on = false;
  options.log = [&](const std::string& line) { log.push_back(line); };
  REQUIRE(run(compiler::compile_text("a.pipe", "recv rows(4) | filter .id == 1 | sink collect()", registry),
              options));
  CHECK(collected() == std::vector<std::string>{"{\"id\":1}", "{\"id\":1}"});
  CHECK(log == std::vector<std::string>{"rows at 42"});
  const Status failed = run(compiler::compile_text("b.pipe", "recv never() | sink collect()", registry));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message == "exception: no table");
}

TEST_CASE("stages written in the language run between a builder's nodes, even those with state") {
  runtime::Registry registry;
  register_own(registry);
  collected().clear();
  graph::Builder b;
  b.receive("rows", rows)
      .stages(compiler::compile_stages_text("parse json | dedupe(.id) | transform { .twice = .id * 2 }",
                                            registry))
      .filter("not the second",
              [](std::string_view record) { return record.find("\"id\":1") == std::string::npos; })
      .sink("out", [] { return std::make_unique<Collect>(); });
  REQUIRE(run(b.plan()));
  CHECK(collected() == std::vector<std::string>{"{\"id\":0,\"twice\":0}"});
}

TEST_CASE(
    "what is wrong with stages as text is an error with its place; stages that end in a sink end there") {
  runtime::Registry registry;
  register_own(registry);
  const auto error_of = [&](const std::string& text) {
    graph::Builder b;
    b.receive("rows", rows).stages(compiler::compile_stages_text(text, registry)).sink("out", [] {
      return std::make_unique<Collect>();
    });
    const Status status = run(b.plan());
    return status ? std::string() : status.error().message;
  };
  const std::string message = error_of("dedupe(.id, withn: 1h)");
  INFO(message);
  CHECK(message.find("stages:1:13") != std::string::npos);
  CHECK(message.find("within") != std::string::npos);
  CHECK(error_of("sink collect()") ==
        "the stages end in a sink, route or drop, so that nothing can follow them");
  CHECK(error_of("") == "");
}
