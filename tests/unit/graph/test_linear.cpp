// The delivery contract on pipelines without branches.
#include <time.h>

#include "support/catch.h"
#include "unit/graph/hooked.h"

using namespace pipec;
using namespace pipec::test;
using graph::Emit;

namespace {

const unsigned kThreads[] = {1, 2, 8};

void copy(std::string_view payload, Emit& emit) {
  emit.record(payload);
}

}  // namespace

TEST_CASE("D6 batches run in parallel and sinks see the source's order") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(20'000), 7);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in))
        .map("copy", copy)
        .filter("all", [](std::string_view) { return true; })
        .sink("out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "");
    CHECK(out->records == in->records);
    CHECK(out->most_writing == 1);
    CHECK(in->committed() == 20'000);
    CHECK(outcome.summary.records_in == 20'000);
    CHECK(outcome.summary.records_out == 20'000);
    CHECK(std::is_sorted(in->commit_log.begin(), in->commit_log.end()));
    REQUIRE(outcome.committed.size() == 1);
    CHECK(outcome.committed[0].end == 20'000);
    CHECK(outcome.committed[0].to_string() == "in up to position 20000");
  }
}

TEST_CASE("D6 an unordered sink gets every record once and commits stay in source order") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(5'000), 3);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in)).map("copy", copy).sink("out", sink(out), true);
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "");
    std::vector<std::string> got = out->records, expected = in->records;
    std::sort(got.begin(), got.end());
    std::sort(expected.begin(), expected.end());
    CHECK(got == expected);
    CHECK(std::is_sorted(in->commit_log.begin(), in->commit_log.end()));
    CHECK(in->committed() == 5'000);
  }
}

TEST_CASE("D1 stages that make two, half or no records of one commit exactly the input positions") {
  for (const unsigned threads : kThreads) {
    for (const int kind : {0, 1, 2, 3}) {
      auto in = source_of(numbered(1'000), 10);
      auto out = std::make_shared<SinkScript>();
      Builder b;
      b.receive("in", receiver(in))
          .map("change",
               [kind](std::string_view p, Emit& emit) {
                 if (kind == 3) return;
                 if (kind == 2 && (p.back() - '0') % 2) return;
                 emit.record(p);
                 if (kind == 0) emit.record(p);
               })
          .sink("out", sink(out));
      const Outcome outcome = run(b, options(threads));
      CHECK(message(outcome) == "");
      CHECK(out->records.size() ==
            std::vector<std::size_t>{2'000, 1'000, 500, 0}[static_cast<std::size_t>(kind)]);
      CHECK(in->committed() == 1'000);
    }
  }
}

TEST_CASE("D2 a batch is committed only after the sink has accepted it and made it durable") {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(30), 10);
  auto out = std::make_shared<SinkScript>();
  MemoryCheckpoint checkpoint;
  in->journal = out->journal = checkpoint.journal = journal;
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.checkpoint = &checkpoint;
  CHECK(message(run(b, o)) == "");
  std::string last;
  for (const std::string& event : journal->events()) {
    if (event.rfind("write", 0) == 0 || event.rfind("begin", 0) == 0) continue;
    if (event == "save") CHECK(last == "sync out");
    if (event == "commit in") CHECK(last == "save");
    last = event;
  }
  CHECK(last == "commit in");
  CHECK(checkpoint.value("in\t0") == "30");
  CHECK(checkpoint.value("out\trecords") == "30");
}

TEST_CASE("F4 the sinks' state and the sources' positions of a checkpoint belong to the same prefix") {
  for (const unsigned threads : kThreads) {
    for (const int interval : {0, 1}) {
      auto in = source_of(numbered(3'000), 7);
      auto out = std::make_shared<SinkScript>();
      MemoryCheckpoint checkpoint;
      bool same = true;
      checkpoint.on_save = [&](const MemoryCheckpoint& store) {
        same = same && store.value("in\t0") == store.value("out\trecords");
      };
      Builder b;
      b.receive("in", receiver(in)).map("copy", copy).sink("out", sink(out));
      RunOptions o = options(threads);
      o.checkpoint = &checkpoint;
      ManualClock clock;  // stopped: with an interval only the end of the input is a commit point
      o.clock = &clock;
      if (interval) o.commit_interval = std::chrono::hours(1);
      CHECK(message(run(b, o)) == "");
      CHECK(same);
      CHECK(checkpoint.value("in\t0") == "3000");
      if (interval) CHECK(checkpoint.saves == 1);
    }
  }
}

TEST_CASE("F4 receivers and sinks are opened with their own entries") {
  MemoryCheckpoint checkpoint;
  CHECK(checkpoint.save({{"in\t0", "5"}, {"in2\t0", "6"}, {"out\tlength", "7"}}));
  auto in = source_of({});
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.checkpoint = &checkpoint;
  CHECK(message(run(b, o)) == "");
  REQUIRE(in->saved_at_open.size() == 1);
  CHECK(in->saved_at_open[0].key == "0");
  CHECK(in->saved_at_open[0].value == "5");
  REQUIRE(out->saved_at_open.size() == 1);
  CHECK(out->saved_at_open[0].key == "length");
}

TEST_CASE("D3 a sink error is terminal: the batch is not committed and no later batch is written") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(1'000), 10);
    auto out = std::make_shared<SinkScript>();
    out->fail_write = 8;
    Builder b;
    b.receive("in", receiver(in)).map("copy", copy).sink("sink out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(code(outcome) == "injected");
    CHECK(outcome.error->node == "sink out");
    CHECK(out->writes == 8);
    CHECK(out->records == numbered(70));
    CHECK(in->committed() == 70);  // records that were written before the failed batch are safe
    CHECK(in->close_calls == 1);
    CHECK(out->closes == 1);
  }
}

TEST_CASE("D4 a commit error is terminal and no later commit goes past it") {
  for (const unsigned threads : kThreads) {
    auto journal = std::make_shared<Journal>();
    auto in = source_of(numbered(1'000), 10);
    in->fail_commit = 2;
    in->journal = journal;
    auto out = std::make_shared<SinkScript>();
    // Not all are coalesced into one commit: the eleventh batch comes only after the first commit.
    std::size_t receives = 0;
    Builder b;
    b.receive("in", hooked(in,
                           [journal, &receives](const std::string& call) {
                             if (call == "receive" && ++receives == 11) journal->wait_for("commit in");
                           }))
        .sink("out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "commit refused");
    REQUIRE(outcome.error);
    CHECK(outcome.error->node == "in");
    CHECK(in->commits == 2);
    REQUIRE(in->commit_log.size() == 1);
    CHECK(in->committed() == in->commit_log[0].second);
    CHECK(in->committed() <= 100);
    REQUIRE(outcome.committed.size() == 1);
    CHECK(outcome.committed[0].end == in->committed());
  }
}

TEST_CASE("D4 a failed sync and a failed checkpoint are terminal: the source gets no commit") {
  for (const int what : {0, 1}) {
    auto in = source_of(numbered(100), 10);
    auto out = std::make_shared<SinkScript>();
    MemoryCheckpoint checkpoint;
    if (what == 0) out->fail_sync = 1;
    if (what == 1) checkpoint.fail_save = 1;
    Builder b;
    b.receive("in", receiver(in)).sink("out", sink(out));
    RunOptions o = options();
    o.checkpoint = &checkpoint;
    CHECK(message(run(b, o)) == (what == 0 ? "sync failed" : "save failed"));
    CHECK(in->commits == 0);
  }
}

TEST_CASE("D5 commit sink: the engine commits nothing, and the sink receives every position once, in order") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(1'000), 10);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.commit_by_sink();
    b.receive("in", receiver(in))
        .filter("some", [](std::string_view p) { return p.size() == 2; })
        .sink("out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "");
    CHECK(in->commits == 0);
    REQUIRE(out->ranges.size() == 100);  // empty batches too (D8)
    for (std::size_t i = 0; i < out->ranges.size(); ++i) {
      CHECK(out->ranges[i].size() == 1);
      CHECK(out->ranges[i][0].first == i * 10);
      CHECK(out->ranges[i][0].end == i * 10 + 10);
    }
  }
}

TEST_CASE("D8 an all-filtered stretch is committed and never freezes the watermark") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(1'000), 10);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in))
        .filter("none", [](std::string_view) { return false; })
        .sink("out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "");
    CHECK(out->writes == 0);
    CHECK(in->committed() == 1'000);
    CHECK(outcome.summary.records_filtered == 1'000);
  }
}

TEST_CASE("D9 an empty receive commits nothing") {
  auto in = source_of({});
  in->endless = true;
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  auto pipeline = make(b, options());
  Outcome outcome;
  std::thread runner([&] { outcome = pipeline->run(); });
  {
    std::unique_lock lock(in->mutex);
    in->changed.wait(lock, [&] { return in->receives > 3; });
  }
  pipeline->stop();
  runner.join();
  CHECK(message(outcome) == "");
  CHECK(in->commits == 0);
  CHECK(out->writes == 0);
  CHECK(out->syncs == 0);
  CHECK(outcome.summary.batches == 0);
}

TEST_CASE("D9 a quiet source takes almost no CPU time, even if it never waits itself") {
  for (const bool waits : {true, false}) {
    INFO(waits);
    struct Quiet final : runtime::Receiver {
      explicit Quiet(bool does_wait, std::function<void()> is_enough)
          : waits(does_wait), enough(std::move(is_enough)) {}
      Status open(const StateEntries&) override { return {}; }
      Result<Received> receive(const ReceiveLimits& limits, Block&) override {
        if (++asked == 15) enough();
        std::unique_lock lock(mutex);
        if (waits) changed.wait_for(lock, limits.wait, [&] { return interrupted; });
        return Received::idle;
      }
      Status commit(std::span<const PositionRange>) override { return {}; }
      void interrupt() override {
        const std::lock_guard lock(mutex);
        interrupted = true;
        changed.notify_all();
      }
      const bool waits;
      const std::function<void()> enough;
      std::mutex mutex;
      std::condition_variable changed;
      bool interrupted = false;
      int asked = 0;
    };
    const auto read = [](clockid_t clock) {
      timespec now{};
      ::clock_gettime(clock, &now);
      return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    };
    auto out = std::make_shared<SinkScript>();
    Pipeline* running = nullptr;
    Builder b;
    b.receive("in", [&] {
       return std::make_unique<Quiet>(waits, [&] { running->stop(); });
     }).sink("out", sink(out));
    auto pipeline = make(b, options());
    running = pipeline.get();
    const auto wall = read(CLOCK_MONOTONIC), used = read(CLOCK_PROCESS_CPUTIME_ID);
    CHECK(message(pipeline->run()) == "");
    const auto took = read(CLOCK_MONOTONIC) - wall, cost = read(CLOCK_PROCESS_CPUTIME_ID) - used;
    // A spinning source would use all available CPU time. A busy machine makes the run longer, but not its
    // CPU time.
    CHECK(took > std::chrono::milliseconds(100));
    CHECK(cost < took / 2);
    CHECK(out->syncs == 0);
  }
}

TEST_CASE("D11 the ticker runs while the pipeline runs and its errors are counted, not terminal") {
  auto in = source_of({});
  in->blocks_at_end = true;
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.ticker_interval = std::chrono::milliseconds(1);
  auto ticks = std::make_shared<std::atomic<int>>(0);
  std::vector<std::string> lines;
  o.log = [&](const std::string& line) { lines.push_back(line); };
  Pipeline* running = nullptr;
  o.ticker = [&, ticks]() -> runtime::Status {
    const int tick = ++*ticks;
    if (tick == 1) return injected("tick failed");
    if (tick == 2) throw std::runtime_error("tick threw");
    running->stop();
    return {};
  };
  auto pipeline = make(b, o);
  running = pipeline.get();
  const Outcome outcome = pipeline->run();
  CHECK(message(outcome) == "");
  CHECK(outcome.summary.ticker_errors == 2);
  CHECK(lines.size() == 2);
}

TEST_CASE("D12 an exception in any node is a terminal error that names the node") {
  for (const unsigned threads : kThreads) {
    for (const std::string where : {"recv", "filter", "map", "route", "sink"}) {
      auto in = source_of(numbered(500), 10);
      auto out = std::make_shared<SinkScript>();
      if (where == "recv") in->throw_receive = 5;
      if (where == "sink") out->throw_write = 5;
      const auto boom = [where](const std::string& node, std::string_view p) {
        if (where == node && p == "45") throw std::runtime_error("boom");
      };
      Builder b;
      auto arms =
          b.receive("recv", receiver(in))
              .filter("filter", [=](std::string_view p) { return boom("filter", p), true; })
              .map("map", [=](std::string_view p, Emit& emit) { boom("map", p), emit.record(p); })
              .route("route", 1, [=](std::string_view p) { return boom("route", p), std::size_t{0}; });
      arms[0].sink("sink", sink(out));
      const Outcome outcome = run(b, options(threads));
      INFO(where);
      CHECK(code(outcome) == "exception");
      REQUIRE(outcome.error);
      CHECK(outcome.error->node == where);
      CHECK(out->records == numbered(40));
      CHECK(in->committed() == 40);
    }
  }
}

TEST_CASE("D12 the error of the earliest batch is the run's, whatever the workers found first") {
  for (int round = 0; round < 20; ++round) {
    auto in = source_of(numbered(400), 10);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in))
        .map("map",
             [](std::string_view p, Emit& emit) {
               if (p.size() == 2 && p[1] == '0') throw std::runtime_error("at " + std::string(p));
               emit.record(p);
             })
        .sink("out", sink(out));
    CHECK(message(run(b, options(8))) == "exception: at 10");
    CHECK(out->records == numbered(10));
  }
}

TEST_CASE("D3 a source error is terminal: batches received before it are delivered") {
  auto in = source_of(numbered(500), 10);
  in->fail_receive = 6;
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  const Outcome outcome = run(b, options());
  CHECK(message(outcome) == "receive failed");
  CHECK(outcome.error->node == "in");
  CHECK(out->records == numbered(50));
  CHECK(in->committed() == 50);
}

TEST_CASE("D6 blocks that a source leaves to the workers arrive in its order, with all positions") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(5'000), 7);
    in->leaves_unread = true;
    in->rejects = [](std::string_view record) { return record == "40"; };
    auto out = std::make_shared<SinkScript>();
    auto dead = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in)).map("copy", copy).sink("out", sink(out));
    b.dead_letters_to("dead", sink(dead));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "");
    std::vector<std::string> expected = in->records;
    expected.erase(expected.begin() + 40);
    CHECK(out->records == expected);
    CHECK(dead->records.size() == 1);
    CHECK(in->committed() == 5'000);
    CHECK(outcome.summary.records_in == 5'000);
  }
}

TEST_CASE("D3 a batch that a worker cannot read is terminal: batches before it are delivered") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(500), 10);
    in->leaves_unread = true;
    in->fail_read = 6;
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in)).map("copy", copy).sink("out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "read failed");
    CHECK(outcome.error->node == "in");
    CHECK(out->records == numbered(50));
    CHECK(in->committed() == 50);
  }
}

TEST_CASE("D14 retriable faults of a sink and a commit are tried again, in order") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(500), 10);
    in->retriable_commits = 3;
    auto out = std::make_shared<SinkScript>();
    out->retriable_writes = 4;
    Builder b;
    b.receive("in", receiver(in)).map("copy", copy).sink("out", sink(out));
    CHECK(message(run(b, options(threads))) == "");
    CHECK(out->records == numbered(500));
    CHECK(in->committed() == 500);
  }
}

TEST_CASE("D14 a retriable fault that does not end is terminal") {
  for (const int what : {0, 1}) {
    auto in = source_of(numbered(500), 10);
    auto out = std::make_shared<SinkScript>();
    if (what == 0) out->retriable_writes = 1'000;
    if (what == 1) in->retriable_commits = 1'000;
    Builder b;
    b.receive("in", receiver(in)).sink("out", sink(out));
    const Outcome outcome = run(b, options());
    CHECK(message(outcome) == (what == 0 ? "busy" : "commit refused for now"));
    CHECK(in->committed() == 0);
    if (what == 0) CHECK(out->retriable_writes == 994);
  }
}

TEST_CASE("D3 a connector that does not open, or does not close, is an error") {
  auto in = source_of(numbered(5));
  auto out = std::make_shared<SinkScript>();
  out->fail_open = true;
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  CHECK(message(run(b, options())) == "open failed");
  CHECK(in->open_calls == 0);
  out->fail_open = false;
  out->fail_close = 2;  // it was closed once already
  CHECK(message(run(b, options())) == "close failed");
  CHECK(in->committed() == 5);
}

TEST_CASE("G3 a receive is asked for no more than the budget, a budget of one byte still moves") {
  for (const std::size_t budget : {std::size_t{0}, std::size_t{1}, std::size_t{50}}) {
    auto in = source_of(numbered(300), 1'000);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in)).map("copy", copy).sink("out", sink(out));
    RunOptions o = options();
    o.budget_bytes = budget;
    CHECK(message(run(b, o)) == "");
    CHECK(in->biggest_request <= std::max<std::size_t>(1, budget));
    CHECK(out->records == numbered(300));
    CHECK(in->committed() == 300);
  }
}

TEST_CASE("F7 a receive is asked for less while a sink wants small batches") {
  class Wanting final : public runtime::Sink {
   public:
    explicit Wanting(bool small) : small_(small) {}
    Status write(const Batch&, StageContext&) override { return {}; }
    bool wants_small_batches() const override { return small_; }

   private:
    const bool small_;
  };
  const auto asked = [](bool small) {
    auto in = source_of(numbered(300), 1'000);
    Builder b;
    b.receive("in", receiver(in)).sink("out", [small] { return std::make_unique<Wanting>(small); });
    CHECK(message(run(b, options())) == "");
    CHECK(in->committed() == 300);
    return std::size_t{in->biggest_request};
  };
  CHECK(asked(true) * 4 <= asked(false));
}

TEST_CASE("G4 the source is never ahead of the sink by more than the budget, and uses all of it") {
  constexpr std::size_t kBatches = 500;
  constexpr std::size_t kAhead = 10;  // batches that the budget holds
  auto in = source_of(std::vector<std::string>(kBatches, std::string(100, 'x')), 1);
  auto out = std::make_shared<SinkScript>();
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t asked = 0, written = 0, most_ahead = 0;
  Builder b;
  b.receive("in", hooked(in,
                         [&](const std::string& call) {
                           if (call != "receive") return;
                           const std::lock_guard lock(mutex);
                           ++asked;
                           // All except those passed to the sink are in flight, plus this one.
                           most_ahead = std::max(most_ahead, asked - written);
                           changed.notify_all();
                         }))
      .sink("out", hooked(out, [&](const std::string& call) {
              if (call != "write") return;
              std::unique_lock lock(mutex);
              // As slow as can be: until the source is as far ahead as the budget lets it.
              changed.wait(lock, [&] { return asked >= std::min(written + kAhead, kBatches); });
              ++written;
            }));
  RunOptions o = options(64);  // many batches may be in flight: the bytes rule
  o.govern.emplace().on = false;
  o.budget_bytes = kAhead * 100;
  o.batch_bytes = 100;
  CHECK(message(run(b, o)) == "");
  CHECK(out->records.size() == kBatches);
  // The sink has begun with one of the batches in flight.
  CHECK(most_ahead == kAhead);
}

TEST_CASE("D10 two pipelines in one process are independent") {
  auto in1 = source_of(numbered(5'000), 7), in2 = source_of(numbered(5'000), 11);
  auto out1 = std::make_shared<SinkScript>(), out2 = std::make_shared<SinkScript>();
  out1->fail_write = 3;
  Builder b1, b2;
  b1.receive("in", receiver(in1)).map("copy", copy).sink("out", sink(out1));
  b2.receive("in", receiver(in2)).map("copy", copy).sink("out", sink(out2));
  auto p1 = make(b1, options(2)), p2 = make(b2, options(8));
  Outcome o1, o2;
  std::thread t1([&] { o1 = p1->run(); }), t2([&] { o2 = p2->run(); });
  t1.join();
  t2.join();
  CHECK(message(o1) == "write failed");
  CHECK(message(o2) == "");
  CHECK(out2->records == numbered(5'000));
}
