// Sinks that hear later whether a batch arrived, and pipelines whose commits are transactions.
#include <deque>

#include "support/catch.h"
#include "unit/graph/fixture.h"

using namespace pipec;
using namespace pipec::test;
using namespace pipec::graph;

namespace {

// Keeps the completions of `hold` batches back and then ends them, the last one first.
class LateSink final : public runtime::Sink {
 public:
  struct Script {
    std::size_t hold = 3;
    std::size_t fail = 0;                  // the n-th batch (from 1) fails when it is completed
    std::optional<std::uint32_t> refused;  // this record of each batch is refused when it is completed
    std::mutex mutex;
    std::vector<std::string> records;
    bool always_deferred = true;
    bool failed = false;            // a batch was reported as failed
    std::size_t written_after = 0;  // batches that came after that
  };
  explicit LateSink(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  Status write(const Batch& batch, StageContext& context) override {
    const auto completion = context.defer();
    const std::lock_guard lock(script_->mutex);
    if (script_->failed) ++script_->written_after;
    for (const runtime::Record& record : batch.records) script_->records.emplace_back(batch.payload(record));
    if (!completion) {
      script_->always_deferred = false;
      return {};
    }
    held_.push_back({completion, ++batches_});
    if (held_.size() >= script_->hold) end_all();
    return {};
  }

 private:
  struct Held {
    std::shared_ptr<runtime::Completion> completion;
    std::size_t number;
  };
  void end_all() {
    for (; !held_.empty(); held_.pop_back()) {
      Held& last = held_.back();
      if (script_->refused) last.completion->dead_letter(*script_->refused, "refused later");
      const bool fails = last.number == script_->fail;
      last.completion->done(fails ? Status(injected("lost on the way")) : Status());
      script_->failed = script_->failed || fails;
    }
  }
  std::shared_ptr<Script> script_;
  std::deque<Held> held_;
  std::size_t batches_ = 0;
};

Builder::MakeSink late(std::shared_ptr<LateSink::Script> script) {
  return [script = std::move(script)] { return std::make_unique<LateSink>(script); };
}

// Ten batches of one record. Its commits are refused `rewinds` times: it then begins again at what is
// committed.
struct Rewinding {
  std::size_t rewinds = 1;
  std::mutex mutex;
  std::uint64_t next = 0, committed = 0;
  bool commit_running = false;
  std::size_t received_during_commit = 0, commits = 0;
  std::uint64_t received_since = 0;  // the last commit
  std::vector<std::uint64_t> sizes;  // of the transactions
};

class RewindingReceiver final : public runtime::Receiver {
 public:
  explicit RewindingReceiver(std::shared_ptr<Rewinding> script) : script_(std::move(script)) {}
  Status open(const StateEntries&) override { return {}; }
  Result<Received> receive(const ReceiveLimits&, Block& block) override {
    const std::lock_guard lock(script_->mutex);
    if (script_->next == 10) {
      if (script_->committed == 10) return Received::end;
      return Received::idle;
    }
    block.data->append(std::to_string(script_->next));
    block.origins.push_back({0, 1});
    block.ranges.push_back({0, 0, script_->next, script_->next + 1});
    ++script_->next;
    ++script_->received_since;
    return Received::records;
  }
  Status commit(std::span<const PositionRange> ranges) override {
    const std::lock_guard lock(script_->mutex);
    ++script_->commits;
    script_->sizes.push_back(script_->received_since);
    script_->received_since = 0;
    // All that was received is in this commit, and nothing else.
    if (ranges.back().end != script_->next) ++script_->received_during_commit;
    if (script_->rewinds > 0) {
      --script_->rewinds;
      script_->next = script_->committed;
      return Error{runtime::kRewound, "aborted", {}, {}};
    }
    script_->committed = ranges.back().end;
    return {};
  }

 private:
  std::shared_ptr<Rewinding> script_;
};

}  // namespace

TEST_CASE("D2 a batch that a sink completes later is committed after that, in order") {
  auto source = source_of(numbered(60), 10);
  auto sunk = std::make_shared<LateSink::Script>();
  Builder builder;
  builder.receive("recv", receiver(source)).sink("sink", late(sunk));
  const Outcome outcome = run(builder, options());
  CHECK(code(outcome) == "ok");
  CHECK(outcome.summary.records_out == 60);
  CHECK(sunk->records == numbered(60));
  CHECK(sunk->always_deferred);
  CHECK(source->committed() == 60);
  std::uint64_t last = 0;
  for (const auto& [partition, end] : source->commit_log) {
    CHECK(end > last);
    last = end;
  }
}

TEST_CASE(
    "D3 no batch is passed to a sink after it reported one as failed, and no later batch is committed") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    for (const std::size_t hold : {1u, 3u, 5u}) {
      auto source = source_of(numbered(600), 10);
      auto sunk = std::make_shared<LateSink::Script>();
      sunk->hold = hold;
      sunk->fail = 10;
      Builder builder;
      builder.receive("recv", receiver(source)).sink("sink", late(sunk));
      const Outcome outcome = run(builder, options(threads));
      CHECK(message(outcome) == "lost on the way");
      REQUIRE(outcome.error);
      CHECK(outcome.error->node == "sink");
      CHECK(sunk->written_after == 0);
      // Up to the failed one, and those in flight with it.
      CHECK(sunk->records.size() <= 10 * (10 + hold));
      CHECK(source->committed() <= 90);
    }
  }
}

TEST_CASE("P7 a record that is refused when its batch is completed is a dead letter before the commit") {
  auto source = source_of(numbered(30), 10);
  auto sunk = std::make_shared<LateSink::Script>();
  sunk->refused = 4;
  auto dead = std::make_shared<SinkScript>();
  Builder builder;
  builder.receive("recv", receiver(source)).sink("sink", late(sunk));
  builder.dead_letters_to("dlq", sink(dead));
  const Outcome outcome = run(builder, options());
  CHECK(code(outcome) == "ok");
  CHECK(dead->written().size() == 3);
  CHECK(outcome.summary.dead_letters == 3);
  CHECK(outcome.summary.records_out == 27);
  CHECK(source->committed() == 30);
}

TEST_CASE("D5 a dead letter route and a sink that commits itself finish in write()") {
  auto source = source_of(numbered(20), 10);
  auto sunk = std::make_shared<LateSink::Script>();
  Builder builder;
  builder.receive("recv", receiver(source)).sink("sink", late(sunk));
  builder.commit_by_sink();
  CHECK(code(run(builder, options())) == "ok");
  CHECK_FALSE(sunk->always_deferred);
  CHECK(sunk->records == numbered(20));
}

TEST_CASE("K6 a transaction holds everything received up to its commit and nothing after it") {
  for (const std::size_t rewinds : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    auto script = std::make_shared<Rewinding>();
    script->rewinds = rewinds;
    auto sunk = std::make_shared<SinkScript>();
    Builder builder;
    builder.receive("recv", [script] { return std::make_unique<RewindingReceiver>(script); })
        .sink("sink", sink(sunk));
    Plan plan = builder.plan();
    plan.transactional = true;
    auto made = Pipeline::make(std::move(plan), options());
    REQUIRE(made);
    const Outcome outcome = (*made)->run();
    CHECK(code(outcome) == "ok");
    CHECK(script->committed == 10);
    CHECK(script->received_during_commit == 0);
    CHECK(script->commits >= rewinds + 1);
    // A rewound run delivers again; the last ten are whole.
    CHECK(sunk->written().size() >= 10);
  }
}
