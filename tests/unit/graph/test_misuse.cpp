// Wrong use of the public interface: an error that says what to do, never a crash, and never a lost record.
#include <atomic>

#include "support/catch.h"
#include "unit/graph/hooked.h"

using namespace pipec;
using namespace pipec::test;

namespace {

using Receive = std::function<Result<Received>(std::size_t call, Block& block)>;

class LambdaReceiver final : public runtime::Receiver {
 public:
  LambdaReceiver(Receive receive, std::shared_ptr<std::vector<std::uint64_t>> commits)
      : receive_(std::move(receive)), commits_(std::move(commits)) {}
  Status open(const StateEntries&) override { return {}; }
  Result<Received> receive(const ReceiveLimits&, Block& block) override { return receive_(++calls_, block); }
  Status commit(std::span<const PositionRange> ranges) override {
    for (const PositionRange& range : ranges) commits_->push_back(range.end);
    return {};
  }

 private:
  const Receive receive_;
  const std::shared_ptr<std::vector<std::uint64_t>> commits_;
  std::size_t calls_ = 0;
};

void add(Block& block, std::string_view record) {
  block.origins.push_back(
      {static_cast<std::uint32_t>(block.data->size()), static_cast<std::uint32_t>(record.size())});
  block.data->append(record);
}

// Two records; the call's number says which.
void fill(std::size_t call, Block& block) {
  block.first_position = 2 * (call - 1);
  add(block, "a" + std::to_string(call));
  add(block, "b" + std::to_string(call));
  block.ranges.push_back({0, 0, 2 * (call - 1), 2 * call});
}

struct Ended {
  Outcome outcome;
  std::vector<std::string> records;
  std::vector<std::uint64_t> commits;
};

Ended run_with(Receive receive, Builder::MapBatch stage = nullptr) {
  auto commits = std::make_shared<std::vector<std::uint64_t>>();
  auto out = std::make_shared<SinkScript>();
  Builder b;
  auto stream = b.receive("mine", [&] { return std::make_unique<LambdaReceiver>(receive, commits); });
  if (stage) stream = stream.batches("own stage", stage);
  stream.sink("out", sink(out));
  Ended ended{run(b, options()), out->records, *commits};
  return ended;
}

// Reads what receive() has left.
class Late final : public runtime::Reader {
 public:
  explicit Late(std::function<void(Block&)> change) : change_(std::move(change)) {}
  Status read(Block& block) const override {
    add(block, "one");
    change_(block);
    return {};
  }

 private:
  const std::function<void(Block&)> change_;
};

}  // namespace

TEST_CASE("D2 records in a block that is called idle or the end are an error, and are not committed away") {
  for (const Received said : {Received::idle, Received::end}) {
    const Ended ended = run_with([&](std::size_t call, Block& block) -> Result<Received> {
      if (call > 3) return Received::end;
      fill(call, block);
      return call == 2 ? said : Received::records;
    });
    CHECK(code(ended.outcome) == "receiver");
    CHECK(ended.outcome.error->node == "mine");
    CHECK(message(ended.outcome).find(said == Received::end ? "Received::end" : "Received::idle") !=
          std::string::npos);
    CHECK(ended.records == std::vector<std::string>{"a1", "b1"});
    for (const std::uint64_t end : ended.commits) CHECK(end <= 2);
  }
}

TEST_CASE("D12 an inconsistent block is an error that names the receiver") {
  struct Case {
    const char* what;
    std::function<void(Block&)> change;
  };
  const std::vector<Case> cases = {
      {"record 1 ends at byte", [](Block& block) { block.origins[1].size = 4'000'000'000; }},
      {"record 0 ends at byte", [](Block& block) { block.origins[0].begin = 4'294'967'295; }},
      {"record 0 ends at byte", [](Block& block) { block.data = {}; }},
      {"2 records, but 1 metadata", [](Block& block) { block.metadata.resize(1); }},
      {"2 records, but 3 metadata", [](Block& block) { block.metadata.resize(3); }},
      {"2 records, but 1 positions", [](Block& block) { block.positions.resize(1); }},
      {"no positions to commit", [](Block& block) { block.ranges.clear(); }},
      {"reversed", [](Block& block) { std::swap(block.ranges[0].first, block.ranges[0].end); }},
      {"rejects record 2 of 2",
       [](Block& block) {
         block.rejected.push_back({2, "bad"});
       }},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    const Ended ended = run_with([&](std::size_t call, Block& block) -> Result<Received> {
      if (call > 3) return Received::end;
      fill(call, block);
      if (call == 2) each.change(block);
      return Received::records;
    });
    CHECK(code(ended.outcome) == "receiver");
    CHECK(ended.outcome.error->node == "mine");
    CHECK(message(ended.outcome).find(each.what) != std::string::npos);
    CHECK(ended.records == std::vector<std::string>{"a1", "b1"});
    CHECK(ended.commits == std::vector<std::uint64_t>{2});
  }
}

TEST_CASE("D12 a block that is inconsistent once a worker has read it is an error that names the receiver") {
  struct Case {
    const char* what;
    std::function<void(Block&)> change;
  };
  const std::vector<Case> cases = {
      {"record 0 ends at byte", [](Block& block) { block.origins[0].size = 4'000'000; }},
      {"1 records, but 2 metadata", [](Block& block) { block.metadata.resize(2); }},
      {"rejects record 1 of 1",
       [](Block& block) {
         block.rejected.push_back({1, "bad"});
       }},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    const Ended ended = run_with([&](std::size_t call, Block& block) -> Result<Received> {
      if (call > 1) return Received::end;
      block.reader = std::make_shared<Late>(each.change);
      block.unread_bytes = 3;
      block.ranges.push_back({0, 0, 0, 1});
      return Received::records;
    });
    CHECK(code(ended.outcome) == "receiver");
    CHECK(ended.outcome.error->node == "mine");
    CHECK(message(ended.outcome).find(each.what) != std::string::npos);
    CHECK(ended.records.empty());
    CHECK(ended.commits.empty());
  }
}

TEST_CASE("D12 the batch that a program's own stage returns is checked") {
  struct Case {
    const char* what;
    std::function<void(Batch&)> change;
  };
  const std::vector<Case> cases = {
      {"buffer 7 of 1", [](Batch& batch) { batch.records[1].buffer = 7; }},
      {"ends at byte", [](Batch& batch) { batch.records[0].size = 1'000'000; }},
      {"origin is 9 of 2", [](Batch& batch) { batch.records[0].origin = 9; }},
      {"metadata is 1 of 0", [](Batch& batch) { batch.records[0].metadata = 1; }},
      {"do not belong to the batch",
       [](Batch& batch) {
         const auto records = batch.records;
         batch = Batch();
         batch.records = records;
       }},
  };
  for (const Case& each : cases) {
    INFO(each.what);
    const Ended ended = run_with(
        [&](std::size_t call, Block& block) -> Result<Received> {
          if (call > 1) return Received::end;
          fill(call, block);
          return Received::records;
        },
        [&](Batch& batch, StageContext&) -> Status {
          each.change(batch);
          return {};
        });
    CHECK(code(ended.outcome) == "stage");
    CHECK(ended.outcome.error->node == "own stage");
    CHECK(message(ended.outcome).find(each.what) != std::string::npos);
    CHECK(ended.records.empty());
    CHECK(ended.commits.empty());
  }
}

TEST_CASE("D12 a router of the program's own is checked as well") {
  struct Bad final : runtime::Router {
    Status route(Batch& batch, std::span<Batch> arms, runtime::Scratch*, StageContext&) const override {
      arms[0].records = batch.records;
      arms[0].records[0].buffer = 3;
      return {};
    }
  };
  auto in = source_of(numbered(10), 5);
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in))
      .route("own route", 1, [](std::string_view) { return std::size_t{0}; })[0]
      .sink("out", sink(out));
  graph::Plan plan = b.plan();
  for (graph::Node& node : plan.nodes) {
    if (!node.router) continue;
    node.router = std::make_shared<Bad>();
    node.trusted = false;
  }
  auto made = Pipeline::make(plan, options());
  REQUIRE(made);
  const Outcome outcome = (*made)->run();
  CHECK(code(outcome) == "stage");
  CHECK(outcome.error->node == "own route");
  CHECK(out->records.empty());
}

TEST_CASE("D12 a stage that leaves all records to another call is an error, not a loop") {
  const auto two = [](std::size_t call, Block& block) -> Result<Received> {
    if (call > 1) return Received::end;
    fill(call, block);
    return Received::records;
  };
  const Ended all = run_with(two, [](Batch& batch, StageContext& context) -> Status {
    context.leave_rest(batch.records);
    batch.records.clear();
    return {};
  });
  CHECK(code(all.outcome) == "stage");
  CHECK(message(all.outcome).find("leave_rest()") != std::string::npos);
  CHECK(all.commits.empty());
  // One after the other is right.
  const Ended one = run_with(two, [](Batch& batch, StageContext& context) -> Status {
    if (batch.records.size() > 1) context.leave_rest({&batch.records[1], 1});
    batch.records.resize(1);
    return {};
  });
  CHECK(message(one.outcome) == "");
  CHECK(one.records == std::vector<std::string>{"a1", "b1"});
}

TEST_CASE("D12 leave_rest() is an error if parts of a batch are joined downstream of the stage") {
  auto in = source_of(numbered(10), 5);
  auto out = std::make_shared<SinkScript>();
  Builder b;
  auto lines = b.receive("in", receiver(in));
  auto parts = lines.batches("own stage", [](Batch& batch, StageContext& context) -> Status {
    context.leave_rest({&batch.records[1], batch.records.size() - 1});
    batch.records.resize(1);
    return {};
  });
  b.merge({lines, parts}).sink("out", sink(out));
  const Outcome outcome = run(b, options());
  CHECK(code(outcome) == "stage");
  CHECK(outcome.error->node == "own stage");
  CHECK(in->committed() == 0);
}

TEST_CASE("D12 a dead letter that is none of the batch's ends the run, from a sink as from a stage") {
  struct Foreign final : runtime::Sink {
    Status write(const Batch&, StageContext& context) override {
      runtime::Record record;
      record.origin = 99;
      context.dead_letter(record, "whose is it?");
      return {};
    }
  };
  auto in = source_of(numbered(10), 5);
  Builder b;
  b.discard_dead_letters();
  b.receive("in", receiver(in)).sink("out", [] { return std::make_unique<Foreign>(); });
  const Outcome outcome = run(b, options());
  CHECK(code(outcome) == "sink");
  CHECK(outcome.error->node == "out");
  CHECK(in->committed() == 0);
}

TEST_CASE("D12 a sink that drops a batch without completing it is an error, not a hang") {
  struct Forgetful final : runtime::Sink {
    Status write(const Batch&, StageContext& context) override {
      const auto completion = context.defer();
      return {};
    }
  };
  auto in = source_of(numbered(10), 5);
  Builder b;
  b.receive("in", receiver(in)).sink("out", [] { return std::make_unique<Forgetful>(); });
  const Outcome outcome = run(b, options());
  CHECK(code(outcome) == "sink");
  CHECK(outcome.error->node == "out");
  CHECK(in->committed() == 0);
}

TEST_CASE("D12 a completion that is called twice counts once") {
  struct Twice final : runtime::Sink {
    Status write(const Batch&, StageContext& context) override {
      const auto completion = context.defer();
      completion->done({});
      completion->done(injected("too late"));
      return {};
    }
  };
  auto in = source_of(numbered(100), 5);
  Builder b;
  b.receive("in", receiver(in)).sink("out", [] { return std::make_unique<Twice>(); });
  CHECK(message(run(b, options())) == "");
  CHECK(in->committed() == 100);
}

TEST_CASE("D12 a second run() is an error, after the first and during it") {
  auto in = source_of(numbered(20), 10);
  in->blocks_at_end = true;
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  Running running(b, options());
  {
    std::unique_lock lock(in->mutex);
    in->changed.wait(lock, [&] { return in->receives == 3; });
  }
  const Outcome second = running.pipeline->run();
  CHECK(code(second) == "usage");
  CHECK(second.committed.empty());
  running.pipeline->stop();
  CHECK(message(running.end()) == "");
  CHECK(code(running.pipeline->run()) == "usage");
  CHECK(out->records == numbered(20));
  CHECK(in->committed() == 20);
  CHECK(in->open_calls == 1);
}

TEST_CASE("D10 a pipeline that is destroyed while it runs is stopped and waited for") {
  auto in = source_of(numbered(20), 10);
  in->blocks_at_end = true;
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  auto pipeline = make(b, options());
  Outcome outcome;
  bool ended = false;
  std::thread runner([&, running = pipeline.get()] {
    outcome = running->run();
    ended = true;
  });
  {
    std::unique_lock lock(in->mutex);
    in->changed.wait(lock, [&] { return in->receives == 3; });
  }
  pipeline.reset();
  CHECK(in->close_calls == 1);  // the run is over, even if its thread still works
  CHECK(in->committed() == 20);
  runner.join();
  CHECK(ended);
  CHECK(message(outcome) == "");
  CHECK(outcome.summary.stopped);
}

TEST_CASE("D12 wrong arguments of a builder are an error of make()") {
  const auto refused = [](const Builder& builder) {
    auto made = Pipeline::make(builder.plan(), RunOptions{});
    return made ? std::string() : made.error().node + ": " + made.error().message;
  };
  const auto begin = [](Builder& builder, auto add) {
    add(builder.receive("in", receiver(source_of({})))).drop();
  };
  const std::string no_function = "s: the stage was given no function to call";
  Builder filter, map, parse, filter_json, map_json, batches, route, stage;
  begin(filter, [](auto in) { return in.filter("s", nullptr); });
  begin(map, [](auto in) { return in.map("s", nullptr); });
  begin(parse, [](auto in) { return in.parse("s", nullptr); });
  begin(filter_json, [](auto in) { return in.filter_json("s", nullptr); });
  begin(map_json, [](auto in) { return in.map_json("s", nullptr); });
  begin(batches, [](auto in) { return in.batches("s", nullptr); });
  begin(route, [](auto in) { return in.route("s", 1, nullptr)[0]; });
  begin(stage, [](auto in) { return in.stage("s", nullptr); });
  for (const Builder* builder : {&filter, &map, &parse, &filter_json, &map_json, &batches, &route}) {
    CHECK(refused(*builder) == no_function);
  }
  CHECK(refused(stage) == "s: the stage does nothing");

  Builder no_source, no_sink, no_route;
  no_source.receive("in", nullptr).drop();
  CHECK(refused(no_source) == "in: the source has no receiver");
  no_sink.receive("in", receiver(source_of({}))).sink("out", nullptr);
  CHECK(refused(no_sink) == "out: the sink has no destination");
  no_route.receive("in", receiver(source_of({}))).drop();
  no_route.dead_letters_to("dlq", nullptr);
  CHECK(refused(no_route) == "dlq: the dead letter route has no destination");

  Builder one, other;
  auto mine = one.receive("in", receiver(source_of({})));
  auto foreign = other.receive("in", receiver(source_of({})));
  for (int i = 0; i < 100; ++i) foreign = foreign.filter("f", [](std::string_view) { return true; });
  one.merge({mine, foreign}).drop();
  CHECK(refused(one) == "merge: a stream of another Builder cannot be merged here");

  Builder fine;
  fine.receive("in", receiver(source_of({}))).drop();
  RunOptions o;
  o.clock = nullptr;
  auto made = Pipeline::make(fine.plan(), o);
  REQUIRE_FALSE(made);
  CHECK(made.error().message == "RunOptions::clock is null");
}

TEST_CASE("D12 an exception from any call of a connector is a terminal error that names it") {
  struct Case {
    const char* node;
    const char* call;
    bool commits = false;  // before it is noticed
  };
  const std::vector<Case> cases = {
      {"in", "open"},          {"in", "receive"},           {"in", "commit"},
      {"in", "describe"},      {"in", "resume_note"},       {"in", "keep_commit_trigger"},
      {"in", "queued_bytes"},  {"in", "keep_queue_limit"},  {"in", "close", true},
      {"out", "open"},         {"out", "resume_note"},      {"out", "keep_ahead"},
      {"out", "write"},        {"out", "snapshot"},         {"out", "sync"},
      {"out", "queued_bytes"}, {"out", "keep_queue_limit"}, {"out", "close", true},
      {"dlq", "open"},         {"dlq", "resume_note"},      {"dlq", "keep_ahead"},
      {"dlq", "write"},        {"dlq", "snapshot"},         {"dlq", "sync"},
      {"dlq", "queued_bytes"}, {"dlq", "keep_queue_limit"}, {"dlq", "close", true},
  };
  for (const Case& each : cases) {
    for (const unsigned threads : {1u, 4u}) {
      INFO(each.node << "." << each.call << " on " << threads);
      // The governor asks while batches are in flight and at its rounds: the source waits for it.
      const bool asked_later =
          std::string_view(each.call) == "queued_bytes" && std::string_view(each.node) != "in";
      auto in = source_of(numbered(30), 10);
      in->endless = asked_later;
      auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
      out->refuses = [](std::string_view payload) { return payload == "5"; };
      const auto hook = [&](const std::string& node) {
        return throws_in(node == each.node ? each.call : "nothing");
      };
      Builder b;
      b.receive("in", hooked(in, hook("in"))).sink("out", hooked(out, hook("out")));
      b.dead_letters_to("dlq", hooked(dead, hook("dlq")));
      MemoryCheckpoint checkpoint;
      RunOptions o = options(threads);
      o.checkpoint = &checkpoint;
      const Outcome outcome = run(b, o);
      CHECK(message(outcome) == std::string("exception: boom in ") + each.call);
      CHECK(code(outcome) == "exception");
      REQUIRE(outcome.error);
      CHECK(outcome.error->node == each.node);
      if (!asked_later) CHECK(in->committed() == (each.commits ? 30 : 0));
    }
  }
}

TEST_CASE(
    "D12 an exception during a metrics call, or while stopping, ends the run with an error that names it") {
  for (const std::string call : {"gauges", "total_bytes", "interrupt"}) {
    INFO(call);
    auto in = source_of(numbered(10), 10);
    in->blocks_at_end = true;
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", hooked(in, throws_in(call))).sink("out", sink(out));
    Running running(b, options());
    {
      std::unique_lock lock(in->mutex);
      in->changed.wait(lock, [&] { return in->receives == 2; });
    }
    if (call == "gauges") CHECK_FALSE(running.pipeline->metrics().empty());
    if (call == "total_bytes") CHECK_FALSE(running.pipeline->progress().total_bytes);
    if (call == "interrupt") running.pipeline->stop();
    const Outcome& outcome = running.end();
    CHECK(message(outcome) == "exception: boom in " + call);
    REQUIRE(outcome.error);
    CHECK(outcome.error->node == "in");
  }
}

TEST_CASE("D12 G7 an exception in pause and in resume is a terminal error that names the receiver") {
  for (const std::string call : {"pause", "resume"}) {
    INFO(call);
    auto level = std::make_shared<std::atomic<double>>(0);
    auto journal = std::make_shared<Journal>();
    auto in = source_of(numbered(10), 10);
    in->endless = true;
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", hooked(in,
                           [=](const std::string& each) {
                             if (each == "pause" || each == "resume") journal->note(each);
                             if (each == call) throw std::runtime_error("boom in " + each);
                           }))
        .sink("out", sink(out));
    RunOptions o = options();
    o.govern.emplace().more_pressure.push_back({"lever", true, 1, [level] { return level->load(); }});
    o.govern->memory = std::size_t{1} << 40;
    Running running(b, o);
    *level = 0.9;
    journal->wait_for("pause");
    *level = 0.1;
    const Outcome& outcome = running.end();
    CHECK(message(outcome) == "exception: boom in " + call);
    REQUIRE(outcome.error);
    CHECK(outcome.error->node == "in");
  }
}

TEST_CASE("D12 a log that throws does not end the run") {
  auto in = source_of(numbered(20), 10);
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.ticker_interval = std::chrono::milliseconds(1);
  Pipeline* running = nullptr;
  int ticks = 0;
  in->blocks_at_end = true;
  o.ticker = [&]() -> Status {
    bool received = false;
    {
      const std::lock_guard lock(in->mutex);
      received = in->receives >= 3;  // the third call comes after both batches of ten
    }
    if (++ticks >= 3 && received) running->stop();
    return injected("tick");
  };
  o.log = [](const std::string&) { throw std::runtime_error("no log today"); };
  auto pipeline = make(b, o);
  running = pipeline.get();
  const Outcome outcome = pipeline->run();
  CHECK(message(outcome) == "");
  CHECK(outcome.summary.ticker_errors >= 2);
  CHECK(in->committed() == 20);
}
