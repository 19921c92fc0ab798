// D10 in every state a pipeline can be in.
#include "support/catch.h"
#include "unit/graph/hooked.h"

using namespace pipec;
using namespace pipec::test;

TEST_CASE("D10 stop before the run, and while the source blocks in receive") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    auto in = source_of(numbered(25), 10);
    in->blocks_at_end = true;
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in)).sink("out", sink(out));
    auto stopped = make(b, options(threads));
    stopped->stop();
    const Outcome before = stopped->run();
    CHECK(message(before) == "");
    CHECK(before.summary.stopped);
    CHECK(out->records.empty());

    in->interrupted = false;
    Running running(b, options(threads));
    {
      std::unique_lock lock(in->mutex);
      in->changed.wait(lock, [&] { return in->delivered == 25; });
    }
    running.pipeline->stop();
    const Outcome& outcome = running.end();
    CHECK(message(outcome) == "");
    CHECK(outcome.summary.stopped);
    CHECK(out->records == numbered(25));
    CHECK(in->committed() == 25);
  }
}

TEST_CASE("D10 stop under load: batches in flight are drained and committed") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    auto journal = std::make_shared<Journal>();
    auto in = source_of(numbered(100'000), 10);
    auto out = std::make_shared<SinkScript>();
    out->journal = journal;
    out->cork();
    Builder b;
    b.receive("in", receiver(in)).sink("out", sink(out));
    Running running(b, options(threads));
    journal->wait_for("begin out");
    running.pipeline->stop();
    out->uncork();
    const Outcome& outcome = running.end();
    CHECK(message(outcome) == "");
    CHECK(out->records.size() == in->delivered);
    CHECK(out->records.size() < 100'000);
    CHECK(in->committed() == in->delivered);
  }
}

TEST_CASE("D10 past the deadline run() reports the work left; a blocked sink is interrupted") {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(1'000), 10);
  auto out = std::make_shared<SinkScript>();
  out->journal = journal;
  out->block_write = 4;
  Builder b;
  b.receive("in", receiver(in)).sink("sink out", sink(out));
  RunOptions o = options();
  o.drain_deadline = std::chrono::milliseconds(0);
  Running running(b, o);
  journal->wait_for("begin out", 4);
  running.pipeline->stop();
  const Outcome& outcome = running.end();
  CHECK(code(outcome) == "deadline");
  const std::size_t list = message(outcome).find("still running: ");
  REQUIRE(list != std::string::npos);
  CHECK(message(outcome).find("write() of sink out", list) !=
        std::string::npos);  // perhaps together with receive()
  CHECK(out->interrupts == 1);
  CHECK(out->records == numbered(30));
  CHECK(in->committed() <= 30);
}

TEST_CASE("D10 a sink that hangs forever does not hold run() past the deadline") {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(1'000), 10);
  auto out = std::make_shared<SinkScript>();
  out->journal = journal;
  out->block_write = 2;
  out->never_returns = true;
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.drain_deadline = std::chrono::milliseconds(0);
  {
    auto checkpoint = std::make_unique<MemoryCheckpoint>();
    o.checkpoint = checkpoint.get();
    Running running(b, o);
    journal->wait_for("begin out", 2);
    running.pipeline->stop();
    CHECK(code(running.end()) == "deadline");
  }
  out->release();  // it wakes up much later: everything that it uses still exists
  CHECK(in->committed() <= 10);
}

TEST_CASE("D10 D14 stop while a sink waits for a retry: past the deadline nothing waits any more") {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(1'000), 10);
  auto out = std::make_shared<SinkScript>();
  out->retriable_writes = 1'000;
  out->on_retriable = [journal] { journal->note("busy"); };
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.retry.first = o.retry.longest = std::chrono::hours(1);
  o.drain_deadline = std::chrono::milliseconds(0);
  Running running(b, o);
  journal->wait_for("busy");
  running.pipeline->stop();
  CHECK(code(running.end()) == "deadline");
  CHECK(out->records.empty());
  CHECK(in->committed() == 0);
}

TEST_CASE("D10 a dead letter route that hangs forever does not hold run() past the deadline") {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(1'000), 10);
  auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
  out->refuses = [](std::string_view payload) { return payload == "15"; };
  dead->journal = journal;
  dead->name = "dlq";
  dead->block_write = 1;
  dead->never_returns = true;
  Builder b;
  b.dead_letters_to("dlq", sink(dead));
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.drain_deadline = std::chrono::milliseconds(0);
  Running running(b, o);
  journal->wait_for("begin dlq");
  running.pipeline->stop();
  CHECK(code(running.end()) == "deadline");
  CHECK(in->committed() <= 10);
  dead->release();
}

TEST_CASE("D10 a source that hangs in receive does not hold run() past the deadline") {
  auto in = source_of(numbered(5), 10);
  in->hangs_at_end = true;
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.drain_deadline = std::chrono::milliseconds(0);
  Running running(b, o);
  {
    std::unique_lock lock(in->mutex);
    in->changed.wait(lock, [&] { return in->receives == 2; });
  }
  running.pipeline->stop();
  CHECK(code(running.end()) == "deadline");
  {
    const std::lock_guard lock(in->mutex);
    in->hangs_at_end = false;
    in->changed.notify_all();
  }
}

TEST_CASE("D10 stop from inside a stage, and from several threads at once") {
  auto in = source_of(numbered(100'000), 10);
  auto out = std::make_shared<SinkScript>();
  Pipeline* running = nullptr;
  Builder b;
  b.receive("in", receiver(in))
      .filter("stopping",
              [&](std::string_view p) {
                if (p == "500") {
                  std::thread other([&] { running->stop(); });
                  running->stop();
                  other.join();
                }
                return true;
              })
      .sink("out", sink(out));
  auto pipeline = make(b, options());
  running = pipeline.get();
  const Outcome outcome = pipeline->run();
  CHECK(message(outcome) == "");
  CHECK(outcome.summary.stopped);
  CHECK(out->records.size() == in->delivered);
  CHECK(in->committed() == in->delivered);
  CHECK(in->delivered < 100'000);
}

TEST_CASE("D10 a fatal error while another sink hangs ends the run too") {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(1'000), 10);
  auto out = std::make_shared<SinkScript>(), bad = std::make_shared<SinkScript>();
  out->journal = journal;
  out->block_write = 1;
  bad->fail_write = 1;
  Builder b;
  auto lines = b.receive("in", receiver(in));
  lines.sink("out", sink(out));
  lines.sink("bad", sink(bad));
  RunOptions o = options();
  o.drain_deadline = std::chrono::milliseconds(0);
  const Outcome outcome = run(b, o);
  CHECK(outcome.error);
  CHECK(in->committed() == 0);
}

TEST_CASE("D9 D10 with a commit interval the last batches are committed at the end") {
  ManualClock clock;
  auto in = source_of(numbered(25), 10);
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  RunOptions o = options();
  o.clock = &clock;
  o.commit_interval = std::chrono::hours(1);
  const Outcome outcome = run(b, o);
  CHECK(message(outcome) == "");
  CHECK(in->commits == 1);
  CHECK(outcome.summary.commits == 1);
  CHECK(in->committed() == 25);
  CHECK(out->syncs == 1);
}

TEST_CASE("D9 a source that goes quiet within a commit interval is committed all the same") {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(25), 10);
  in->journal = journal;
  in->blocks_at_end = true;
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  ManualClock clock;
  RunOptions o = options();
  o.clock = &clock;
  o.commit_interval = std::chrono::milliseconds(1);
  Running running(b, o);
  // Each commit is of newer positions, and three batches came.
  for (std::size_t commits = 1; in->committed() < 25; ++commits) journal->wait_for("commit in", commits);
  running.pipeline->stop();
  CHECK(message(running.end()) == "");
}

TEST_CASE("D10 stop is heard while a receiver or a sink is being opened, and is no error") {
  for (const std::string where : {"in", "out", "dlq"}) {
    INFO(where);
    auto in = source_of(numbered(20), 10);
    auto other = source_of(numbered(20), 10);
    auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
    // As a client does that cannot reach its server: until it is interrupted, and then an error.
    const auto journal = std::make_shared<Journal>();
    const auto hook = [&](const std::string& node) -> Hook {
      if (node != where) return [](const std::string&) {};
      return [journal](const std::string& call) {
        if (call != "open" && call != "interrupt") return;
        journal->note(call);
        if (call == "interrupt") return;
        journal->wait_for("interrupt");
        throw std::runtime_error("cannot reach the server");
      };
    };
    Builder b;
    b.receive("in", hooked(in, hook("in"))).sink("out", hooked(out, hook("out")));
    b.receive("other", receiver(other)).drop();
    b.dead_letters_to("dlq", hooked(dead, hook("dlq")));
    Running running(b, options());
    journal->wait_for("open");
    running.pipeline->stop();
    const Outcome& outcome = running.end();
    CHECK(message(outcome) == "");
    CHECK(outcome.summary.stopped);
    CHECK(other->open_calls == 0);  // nothing else is opened either
    CHECK(in->commits == 0);
    CHECK((where == "in" ? in->close_calls : where == "out" ? out->closes : dead->closes) == 1);
  }
}

TEST_CASE("D10 a connector that hangs in open does not hold run() past the deadline, which names it") {
  auto in = source_of(numbered(20), 10);
  auto out = std::make_shared<SinkScript>();
  auto latch = std::make_shared<Latch>();
  Builder b;
  b.receive("recv far", hooked(in,
                               [latch](const std::string& call) {
                                 if (call == "open") latch->wait();
                               }))
      .sink("out", sink(out));
  RunOptions o = options();
  o.drain_deadline = std::chrono::milliseconds(0);
  Running running(b, o);
  latch->wait_until_reached();
  running.pipeline->stop();
  const Outcome& outcome = running.end();
  CHECK(code(outcome) == "deadline");
  CHECK(message(outcome).find("still running: open() of recv far") != std::string::npos);
  latch->open();
}

TEST_CASE(
    "D10 the deadline's error names the receiver, stage, sink or dead letter route that hangs, and its "
    "call") {
  struct Case {
    const char* where;
    const char* call;
    const char* said;
  };
  for (const Case& each : {Case{"in", "receive", "receive() of in"}, Case{"in", "commit", "commit() of in"},
                           Case{"in", "close", "close() of in"}, Case{"stage", "", "process() of stage"},
                           Case{"route", "", "route() of route"}, Case{"out", "write", "write() of out"},
                           Case{"out", "snapshot", "snapshot() of out"}, Case{"out", "sync", "sync() of out"},
                           Case{"out", "close", "close() of out"}, Case{"dlq", "write", "write() of dlq"},
                           Case{"dlq", "close", "close() of dlq"}}) {
    INFO(each.said);
    auto in = source_of(numbered(20), 10);
    auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
    out->refuses = [](std::string_view payload) { return payload == "5"; };
    auto latch = std::make_shared<Latch>();
    const std::string where = each.where;
    const auto hook = [=](const std::string& node) -> Hook {
      return [=, call = std::string(each.call)](const std::string& called) {
        if (node == where && called == call) latch->wait();
      };
    };
    Builder b;
    b.receive("in", hooked(in, hook("in")))
        .filter("stage", [=](std::string_view) { return where == "stage" ? (latch->wait(), true) : true; })
        .route("route", 1, [=](std::string_view) { return where == "route" ? (latch->wait(), 0u) : 0u; })[0]
        .sink("out", hooked(out, hook("out")));
    b.dead_letters_to("dlq", hooked(dead, hook("dlq")));
    MemoryCheckpoint checkpoint;
    RunOptions o = options();
    o.checkpoint = &checkpoint;
    o.drain_deadline = std::chrono::milliseconds(0);
    Running running(b, o);
    latch->wait_until_reached();
    running.pipeline->stop();
    const Outcome& outcome = running.end();
    CHECK(code(outcome) == "deadline");
    // Other calls may be running too.
    const std::size_t list = message(outcome).find("still running: ");
    REQUIRE(list != std::string::npos);
    CHECK(message(outcome).find(each.said, list) != std::string::npos);
    latch->open();
  }
}

TEST_CASE("D10 past the deadline the caller's clock is not read any more, though batches still end") {
  struct Counting final : runtime::Clock {
    std::chrono::steady_clock::time_point steady_now() const override {
      ++reads;
      return Clock::system().steady_now();
    }
    std::int64_t unix_nanoseconds() const override { return ++reads, 0; }
    mutable std::atomic<int> reads{0};
  };
  auto in = source_of(numbered(20), 10);
  auto out = std::make_shared<SinkScript>();
  auto latch = std::make_shared<Latch>();
  Builder b;
  b.receive("in", receiver(in))
      .filter("stage", [=](std::string_view) { return latch->wait(), true; })
      .sink("out", sink(out));
  Counting clock;
  RunOptions o = options(1);
  o.clock = &clock;
  o.drain_deadline = std::chrono::milliseconds(0);
  Running running(b, o);
  latch->wait_until_reached();
  running.pipeline->stop();
  CHECK(code(running.end()) == "deadline");
  const int before = clock.reads;
  CHECK(before > 0);
  latch->open();
  const auto in_flight = [&] {
    for (const graph::Metric& one : running.pipeline->metrics()) {
      if (one.name == "in_flight_batches") return one.value;
    }
    return -1.0;
  };
  while (in_flight() != 0) std::this_thread::yield();
  CHECK(clock.reads == before);
}

TEST_CASE("D10 a receiver's own thread may ask for a commit when the run is long over") {
  auto in = source_of(numbered(20), 10);
  auto out = std::make_shared<SinkScript>();
  struct Keeps final : runtime::Receiver {
    Keeps(std::shared_ptr<SourceScript> script, std::function<void()>& kept)
        : inner(std::move(script)), trigger(kept) {}
    void keep_commit_trigger(const std::function<void()>& given) override { trigger = given; }
    Status open(const StateEntries& saved) override { return inner.open(saved); }
    Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
      return inner.receive(limits, block);
    }
    Status commit(std::span<const PositionRange> ranges) override { return inner.commit(ranges); }
    ScriptedReceiver inner;
    std::function<void()>& trigger;
  };
  std::function<void()> trigger;
  std::function<Status(const StateEntries&)> save;
  struct KeepsToo final : runtime::Sink {
    explicit KeepsToo(std::function<Status(const StateEntries&)>& kept) : save(kept) {}
    void keep_ahead(const std::function<Status(const StateEntries&)>& given) override { save = given; }
    Status write(const Batch&, StageContext&) override { return {}; }
    std::function<Status(const StateEntries&)>& save;
  };
  Builder b;
  b.receive("in", [&] { return std::make_unique<Keeps>(in, trigger); }).sink("out", [&] {
    return std::make_unique<KeepsToo>(save);
  });
  MemoryCheckpoint checkpoint;
  RunOptions o = options();
  o.checkpoint = &checkpoint;
  CHECK(message(run(b, o)) == "");  // the pipeline is destroyed with it
  const std::size_t saves = checkpoint.saves;
  trigger();
  CHECK_FALSE(save({{"a", "b"}}));
  CHECK(checkpoint.saves == saves);
}

TEST_CASE("A run without progress logs it once, with the call that does not return; fault G3") {
  auto in = source_of(numbered(20), 10);
  auto out = std::make_shared<SinkScript>();
  auto latch = std::make_shared<Latch>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", hooked(out, [latch](const std::string& called) {
                                       if (called == "write") latch->wait();
                                     }));
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> lines;
  const auto wait_for_lines = [&](std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return lines.size() >= count; });
  };
  RunOptions o = options();
  o.stall_notice = std::chrono::milliseconds(50);
  o.log = [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    lines.push_back(line);
    changed.notify_all();
  };
  Running running(b, o);
  wait_for_lines(1);
  latch->open();
  CHECK(code(running.end()) == "ok");
  CHECK(lines[0].starts_with("no batch has finished for 0 s; "));
  CHECK(lines[0].ends_with("in flight; running: write() of out"));
  for (std::size_t i = 1; i < lines.size(); ++i) CHECK(lines[i] == "batches finish again");
}
