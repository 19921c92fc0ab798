// D10 in every state a pipeline can be in.
#include "support/catch.h"
#include "unit/graph/fixture.h"

using namespace pipec;
using namespace pipec::test;

namespace {

// Runs in a thread of its own, so that the test can stop it.
struct Running {
  explicit Running(const Builder& b, RunOptions o) : pipeline(make(b, std::move(o))) {
    thread = std::thread([this] { outcome = pipeline->run(); });
  }
  const Outcome& end() {
    thread.join();
    return outcome;
  }
  std::unique_ptr<Pipeline> pipeline;
  Outcome outcome;
  std::thread thread;
};

}  // namespace

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

TEST_CASE("D10 stop under load: what is in flight is drained and committed") {
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

TEST_CASE("D10 past the deadline run() says what was left; a blocked sink is interrupted") {
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
  CHECK(message(outcome).find("still writing: sink out") != std::string::npos);
  CHECK(out->interrupts == 1);
  CHECK(out->records == numbered(30));
  CHECK(in->committed() <= 30);
}

TEST_CASE("D10 a sink that hangs for ever does not hold run() past the deadline") {
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
  out->release();  // it wakes up long after: nothing it touches is gone
  CHECK(in->committed() <= 10);
}

TEST_CASE("D10 D14 stop while a sink waits to try again: past the deadline nobody waits any more") {
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

TEST_CASE("D10 a dead letter route that hangs for ever does not hold run() past the deadline") {
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

TEST_CASE("D10 stop from a stage's own code, and from several threads at once") {
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
