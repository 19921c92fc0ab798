// Fan-out, routes, merges, several sources, dead letters.
#include <set>

#include "support/catch.h"
#include "unit/graph/fixture.h"

using namespace pipec;
using namespace pipec::test;
using graph::Emit;

namespace {

const unsigned kThreads[] = {1, 2, 8};

std::size_t digit(std::string_view payload) {
  return static_cast<std::size_t>(payload.back() - '0');
}

std::vector<std::string> ending_in(const std::vector<std::string>& records, const std::string& digits) {
  std::vector<std::string> some;
  for (const std::string& record : records) {
    if (digits.find(record.back()) != std::string::npos) some.push_back(record);
  }
  return some;
}

bool good(std::string_view payload) {
  return payload.find("bad") == std::string_view::npos;
}

// Records with "bad" in them become dead letters.
void refuse_bad(std::string_view payload, Emit& emit) {
  if (good(payload)) {
    emit.record(payload);
  } else {
    emit.dead_letter("bad record");
  }
}

std::vector<std::string> some_bad(std::size_t count) {
  std::vector<std::string> records = numbered(count);
  for (std::size_t i = 5; i < count; i += 10) records[i] = "bad" + records[i];
  return records;
}

}  // namespace

TEST_CASE("D7 a batch over several branches is done when all are done") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(2'000), 10);
    auto a = std::make_shared<SinkScript>(), c = std::make_shared<SinkScript>();
    Builder b;
    auto lines = b.receive("in", receiver(in));
    lines.filter("even", [](std::string_view p) { return digit(p) % 2 == 0; }).sink("a", sink(a));
    lines.map("copy", [](std::string_view p, Emit& e) { e.record(p); }).sink("c", sink(c));
    lines.drop();
    CHECK(message(run(b, options(threads))) == "");
    CHECK(a->records == ending_in(in->records, "02468"));
    CHECK(c->records == in->records);
    CHECK(in->committed() == 2'000);
  }
}

TEST_CASE("D7 nothing is committed while one branch holds its part back") {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(20), 10);
  in->journal = journal;
  auto a = std::make_shared<SinkScript>(), c = std::make_shared<SinkScript>();
  a->journal = c->journal = journal;
  a->name = "a";
  c->name = "c";
  c->cork();
  Builder b;
  auto lines = b.receive("in", receiver(in));
  lines.sink("a", sink(a));
  lines.sink("c", sink(c));
  auto pipeline = make(b, options());
  Outcome outcome;
  std::thread runner([&] { outcome = pipeline->run(); });
  journal->wait_for("write a", 2);
  journal->wait_for("begin c");
  CHECK(in->committed() == 0);
  c->uncork();
  runner.join();
  CHECK(message(outcome) == "");
  CHECK(in->committed() == 20);
}

TEST_CASE("D7 an error in one branch fails the batch for all") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(500), 10);
    auto a = std::make_shared<SinkScript>(), c = std::make_shared<SinkScript>();
    c->fail_write = 11;
    Builder b;
    auto lines = b.receive("in", receiver(in));
    lines.sink("a", sink(a));
    lines.sink("c", sink(c));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "write failed");
    CHECK(outcome.error->node == "c");
    CHECK(in->committed() == 100);
    CHECK(a->records.size() >= 100);
  }
}

TEST_CASE("D7 a route sends each record into one arm, and merged arms are in source order again") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(numbered(3'000), 10);
    auto all = std::make_shared<SinkScript>(), ones = std::make_shared<SinkScript>();
    Builder b;
    auto arms = b.receive("in", receiver(in)).route("route", 4, digit);
    arms[0].drop();
    arms[1].sink("ones", sink(ones));
    auto twos = arms[2].map("twos", [](std::string_view p, Emit& e) { e.record(std::string(p)); });
    auto threes = arms[3].filter("threes", [](std::string_view) { return true; });
    b.merge({threes, arms[1], twos}).sink("all", sink(all));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "");
    CHECK(ones->records == ending_in(in->records, "1"));
    CHECK(all->records == ending_in(in->records, "123"));
    CHECK(outcome.summary.records_filtered == 2'100);
    CHECK(in->committed() == 3'000);
  }
}

TEST_CASE("D7 records of one origin keep the order of the merged branches") {
  for (const unsigned threads : kThreads) {
    auto in = source_of({"a", "b", "c"}, 2);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    auto lines = b.receive("in", receiver(in));
    auto one = lines.map("one", [](std::string_view p, Emit& e) { e.record(std::string(p) + "1"); });
    auto two = lines.map("two", [](std::string_view p, Emit& e) {
      e.record(std::string(p) + "2");
      e.record(std::string(p) + "3");
    });
    b.merge({one, two}).map("copy", [](std::string_view p, Emit& e) { e.record(p); }).sink("out", sink(out));
    CHECK(message(run(b, options(threads))) == "");
    CHECK(out->records == std::vector<std::string>{"a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"});
  }
}

TEST_CASE("D7 several sources have their own watermarks, and each sink sees each in order") {
  for (const unsigned threads : kThreads) {
    auto x = source_of(numbered(1'000, "x"), 10), y = source_of(numbered(700, "y"), 3);
    x->partitions = 3;
    y->id = 1;
    auto both = std::make_shared<SinkScript>(), only = std::make_shared<SinkScript>();
    MemoryCheckpoint checkpoint;
    Builder b;
    auto sx = b.receive("x", receiver(x));
    auto sy = b.receive("y", receiver(y)).map("copy", [](std::string_view p, Emit& e) { e.record(p); });
    b.merge({sx, sy}).sink("both", sink(both));
    sy.sink("only", sink(only));
    RunOptions o = options(threads);
    o.checkpoint = &checkpoint;
    CHECK(message(run(b, o)) == "");
    std::vector<std::string> from_x, from_y;
    for (const std::string& record : both->records) (record[0] == 'x' ? from_x : from_y).push_back(record);
    CHECK(from_x == x->records);
    CHECK(from_y == y->records);
    CHECK(only->records == y->records);
    CHECK(x->committed() == 1'000);
    CHECK(y->committed() == 700);
    CHECK(checkpoint.value("only\trecords") == "700");
    CHECK(checkpoint.value("both\trecords") == "1700");
  }
}

TEST_CASE("F4 with several sources every sink's state is part of every checkpoint") {
  // The sink that only y feeds must have recorded its state whenever a position of y is saved.
  for (const unsigned threads : kThreads) {
    auto x = source_of(numbered(500, "x"), 1), y = source_of(numbered(500, "y"), 1);
    auto ox = std::make_shared<SinkScript>(), oy = std::make_shared<SinkScript>();
    MemoryCheckpoint checkpoint;
    bool same = true;
    const auto number = [](const std::string& text) { return text.empty() ? 0 : std::stoi(text); };
    checkpoint.on_save = [&](const MemoryCheckpoint& store) {
      same = same && number(store.value("x\t0")) == number(store.value("ox\trecords"));
      same = same && number(store.value("y\t0")) == number(store.value("oy\trecords"));
    };
    Builder b;
    b.receive("x", receiver(x)).sink("ox", sink(ox));
    b.receive("y", receiver(y)).sink("oy", sink(oy));
    RunOptions o = options(threads);
    o.checkpoint = &checkpoint;
    CHECK(message(run(b, o)) == "");
    CHECK(same);
    CHECK(number(checkpoint.value("y\t0")) == 500);
  }
}

TEST_CASE(
    "P8 reject: the first dead letter is terminal, and the error says how many there were and what to do") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(some_bad(500), 20);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", receiver(in)).map("parse json", refuse_bad).sink("out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(code(outcome) == "dead_letter");
    CHECK(message(outcome) ==
          "2 records could not be processed, the first: bad record (parse json, position 5); add a dlq, e.g. "
          "dlq "
          "file(\"dead.ndjson\"), to keep going");
    CHECK(outcome.error->node == "parse json");
    CHECK(in->committed() == 0);
    CHECK(outcome.summary.dead_letters == 2);
  }
}

TEST_CASE("P8 discard: dead letters are counted and the positions commit") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(some_bad(500), 20);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.discard_dead_letters();
    b.receive("in", receiver(in)).map("parse json", refuse_bad).sink("out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "");
    CHECK(outcome.summary.dead_letters == 50);
    CHECK(outcome.summary.errors == 50);
    CHECK(out->records.size() == 450);
    CHECK(in->committed() == 500);
  }
}

TEST_CASE("P4 P7 P10 dead letters of every origin go through one route, in order and before the commit") {
  for (const unsigned threads : kThreads) {
    auto journal = std::make_shared<Journal>();
    auto in = source_of(some_bad(200), 10);
    auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
    in->journal = out->journal = dead->journal = journal;
    dead->name = "dlq";
    out->refuses = [](std::string_view p) { return p.back() == '9'; };
    MemoryCheckpoint checkpoint;
    Builder b;
    b.dead_letters_to("dlq", sink(dead));
    b.receive("in", receiver(in)).map("parse json", refuse_bad).sink("out", sink(out));
    RunOptions o = options(threads);
    o.checkpoint = &checkpoint;
    const Outcome outcome = run(b, o);
    CHECK(message(outcome) == "");
    CHECK(out->records.size() == 160);
    REQUIRE(dead->records.size() == 40);
    for (std::size_t i = 0; i < dead->records.size(); ++i) {
      const std::string& line = dead->records[i];
      const std::string original = i % 2 == 0 ? "bad" + std::to_string(i * 5 + 5) : std::to_string(i * 5 + 4);
      INFO(line);
      CHECK(line.find("\"" + original + "\"") != std::string::npos);
      CHECK(line.find(i % 2 == 0 ? "bad record" : "refused") != std::string::npos);
    }
    CHECK(in->committed() == 200);
    CHECK(outcome.summary.dead_letters == 40);
    CHECK(outcome.summary.records_out == 160);
    CHECK(checkpoint.value("dlq\trecords") == "40");
    // A commit never comes without a sync of the route just before it.
    bool synced = false;
    for (const std::string& event : journal->events()) {
      if (event == "sync dlq") synced = true;
      if (event == "commit in") {
        CHECK(synced);
        synced = false;
      }
    }
  }
}

TEST_CASE("P9 a dead letter route that fails is terminal and the watermark does not move") {
  for (const unsigned threads : kThreads) {
    auto in = source_of(some_bad(200), 10);
    auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
    dead->fail_write = 3;
    Builder b;
    b.dead_letters_to("dlq file", sink(dead));
    b.receive("in", receiver(in)).map("parse json", refuse_bad).sink("out", sink(out));
    const Outcome outcome = run(b, options(threads));
    CHECK(message(outcome) == "write failed");
    CHECK(outcome.error->node == "dlq file");
    CHECK(in->committed() == 20);
  }
}

TEST_CASE("P9 a dead letter that the route cannot accept is terminal, a busy route is retried") {
  auto in = source_of(some_bad(50), 10);
  auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
  dead->retriable_writes = 2;
  Builder b;
  b.dead_letters_to("dlq", sink(dead));
  b.receive("in", receiver(in)).map("parse json", refuse_bad).sink("out", sink(out));
  CHECK(message(run(b, options())) == "");
  CHECK(dead->records.size() == 5);
  dead->refuses = [](std::string_view) { return true; };
  in->watermark.clear();
  const Outcome refused = run(b, options());
  CHECK(code(refused) == "dead_letter");
  CHECK(message(refused) == "a dead letter could not be written: refused");
  CHECK(in->committed() == 0);
}

TEST_CASE("P5 skipped records are errors only; P6 a stage that fails fails the batch") {
  for (const unsigned threads : kThreads) {
    for (const bool fails : {false, true}) {
      auto in = source_of(numbered(200), 10);
      auto out = std::make_shared<SinkScript>();
      Builder b;
      b.receive("in", receiver(in))
          .batches("parse json",
                   [fails](runtime::Batch& batch, runtime::StageContext& context) -> runtime::Status {
                     if (fails && batch.payload(batch.records[0]) == "100") return injected("parse error");
                     batch.records.pop_back();
                     context.count_errors(1);
                     return {};
                   })
          .sink("out", sink(out));
      const Outcome outcome = run(b, options(threads));
      CHECK(message(outcome) == (fails ? "parse error" : ""));
      CHECK(out->records.size() == (fails ? 90 : 180));
      CHECK(in->committed() == (fails ? 100 : 200));
      if (!fails) CHECK(outcome.summary.errors == 20);
      CHECK(outcome.summary.dead_letters == 0);
    }
  }
}

TEST_CASE("D1 a stage that returns a new batch loses neither positions nor dead letters") {
  auto in = source_of(some_bad(200), 10);
  auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
  Builder b;
  b.dead_letters_to("dlq", sink(dead));
  b.receive("in", receiver(in))
      .map("parse json", refuse_bad)
      .batches("anew",
               [](runtime::Batch& batch, runtime::StageContext&) -> runtime::Status {
                 batch = runtime::Batch();
                 return {};
               })
      .sink("out", sink(out));
  CHECK(message(run(b, options())) == "");
  CHECK(out->records.empty());
  CHECK(dead->records.size() == 20);
  CHECK(in->committed() == 200);
}

TEST_CASE("P7 commit sink: dead letters are durable before the sink hears of the batch") {
  for (const unsigned threads : kThreads) {
    auto journal = std::make_shared<Journal>();
    auto in = source_of(some_bad(100), 10);
    auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
    out->journal = dead->journal = journal;
    dead->name = "dlq";
    Builder b;
    b.commit_by_sink();
    b.dead_letters_to("dlq", sink(dead));
    b.receive("in", receiver(in)).map("parse json", refuse_bad).sink("out", sink(out));
    CHECK(message(run(b, options(threads))) == "");
    std::size_t durable = 0;
    std::size_t written = 0;
    for (const std::string& event : journal->events()) {
      if (event == "sync dlq") ++durable;
      if (event == "write out") CHECK(durable == ++written);
    }
    CHECK(written == 10);
  }
}
