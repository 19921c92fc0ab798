// The builder's lambdas, record by record: parsing up front and on demand, records that do not parse, and the
// errors of wrong programs.
#include "support/catch.h"
#include "unit/graph/fixture.h"

#include "pipec/runtime/json.h"

using namespace pipec;
using namespace pipec::test;
using graph::Emit;
using graph::JsonRecord;
using runtime::OnError;

namespace {

// Every third record is not JSON.
std::vector<std::string> some_malformed(std::size_t count) {
  std::vector<std::string> records;
  for (std::size_t i = 0; i < count; ++i) {
    records.push_back(i % 3 == 2 ? "{\"n\":" + std::to_string(i) : "{\"n\":" + std::to_string(i) + "}");
  }
  return records;
}

bool even(JsonRecord& record) {
  return record.integer("n").value_or(1) % 2 == 0;
}

void twice(JsonRecord& record, Emit& out) {
  const std::string n = std::to_string(record.integer("n").value_or(-1));
  out.record(n);
  out.record("again " + n);
}

struct Ran {
  Outcome outcome;
  std::vector<std::string> out;
  std::vector<std::string> dead;
  std::uint64_t committed = 0;
};

// `build` puts stages between source and sink.
template <typename Build>
Ran through(std::vector<std::string> records, Build build, unsigned threads = 2) {
  auto in = source_of(std::move(records), 10);
  auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
  Builder b;
  b.dead_letters_to("dlq", sink(dead));
  build(b.receive("in", receiver(in))).sink("out", sink(out));
  Ran ran;
  ran.outcome = run(b, options(threads));
  ran.out = out->records;
  ran.dead = dead->records;
  ran.committed = in->committed();
  return ran;
}

}  // namespace

TEST_CASE("P2 a parse stage reads every record once, and later stages see those that parsed, in order") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    auto calls = std::make_shared<std::atomic<int>>(0);
    const auto parse = [calls](std::string_view line, Emit& out) {
      ++*calls;
      if (line.ends_with("7")) return out.dead_letter("a seven");
      out.record("parsed " + std::string(line));
    };
    const Ran ran = through(
        numbered(1'000),
        [&](Builder::Stream in) {
          return in.parse("parse it", parse).filter("all", [](std::string_view p) {
            return p.starts_with("parsed ");
          });
        },
        threads);
    CHECK(message(ran.outcome) == "");
    CHECK(*calls == 1'000);
    std::vector<std::string> expected;
    for (int i = 0; i < 1'000; ++i) {
      if (i % 10 != 7) expected.push_back("parsed " + std::to_string(i));
    }
    CHECK(ran.out == expected);
    REQUIRE(ran.dead.size() == 100);
    CHECK(ran.dead[0].find("\"original\":\"7\"") != std::string::npos);
    CHECK(ran.dead[0].find("parse error: a seven") != std::string::npos);
    CHECK(ran.committed == 1'000);
  }
}

TEST_CASE("P4 P5 P6 a record that the parse lambda refuses goes the way of its on_error") {
  const auto parse = [](std::string_view line, Emit& out) {
    out.record(line);  // taken back
    if (line == "55") out.dead_letter("five, five");
  };
  for (const OnError on_error : {OnError::dead_letter, OnError::skip, OnError::fail}) {
    const Ran ran =
        through(numbered(100), [&](Builder::Stream in) { return in.parse("parse", parse, on_error); });
    if (on_error == OnError::fail) {
      CHECK(code(ran.outcome) == "parse");
      CHECK(message(ran.outcome) ==
            "parse error: five, five (the record at position 55); on_error: fail ends the run");
      CHECK(ran.out == numbered(50));
      CHECK(ran.committed == 50);
      continue;
    }
    CHECK(message(ran.outcome) == "");
    CHECK(ran.out.size() == 99);
    CHECK(ran.dead.size() == (on_error == OnError::dead_letter ? 1 : 0));
    CHECK(ran.outcome.summary.errors == 1);
    CHECK(ran.outcome.summary.dead_letters == (on_error == OnError::dead_letter ? 1 : 0));
    CHECK(ran.committed == 100);
  }
}

TEST_CASE("P1 a record of which no lambda asks a field is not parsed") {
  const Ran ran = through(some_malformed(90), [](Builder::Stream in) {
    return in.filter_json("all", [](JsonRecord&) { return true; })
        .map_json("copy", [](JsonRecord& record, Emit& out) { out.record(record.payload()); });
  });
  CHECK(message(ran.outcome) == "");
  CHECK(ran.out == some_malformed(90));
  CHECK(ran.dead.empty());
}

TEST_CASE("P3 pre-parsed and on demand give the same records and the same dead letters") {
  for (const OnError on_error : {OnError::dead_letter, OnError::skip, OnError::fail}) {
    const auto pre = [&](Builder::Stream in) {
      return in.parse_json(on_error).filter_json("even", even).map_json("twice", twice);
    };
    const auto demand = [&](Builder::Stream in) {
      return in.filter_json("even", even, on_error).map_json("twice", twice, on_error);
    };
    for (const auto& records : {some_malformed(90), some_malformed(2)}) {
      const Ran a = through(records, pre), b = through(records, demand);
      CHECK(a.out == b.out);
      CHECK(a.dead.size() == b.dead.size());
      CHECK(a.committed == b.committed);
      CHECK(message(a.outcome) == message(b.outcome));
      CHECK(a.outcome.summary.errors == b.outcome.summary.errors);
      CHECK(a.outcome.summary.records_filtered == b.outcome.summary.records_filtered);
      if (on_error == OnError::dead_letter && records.size() > 2) {
        CHECK(a.dead.size() == 30);
        CHECK(b.dead[0].find("parse error: ") != std::string::npos);
      }
    }
  }
}

TEST_CASE("P4 the output of a lambda for a malformed record is discarded") {
  const Ran ran = through({R"({"n":1)", R"({"n":2})"}, [](Builder::Stream in) {
    return in.map_json("eager", [](JsonRecord& record, Emit& out) {
      out.record("early");
      out.dead_letter("my own reason: n is " + std::to_string(record.integer("n").value_or(-1)));
    });
  });
  CHECK(ran.out == std::vector<std::string>{"early"});  // of the second: a stage may do both
  REQUIRE(ran.dead.size() == 2);
  CHECK(ran.dead[0].find("parse error: ") != std::string::npos);
  CHECK(ran.dead[1].find("my own reason: n is 2") != std::string::npos);
}

TEST_CASE("JsonRecord returns a field by its type, the last of repeated ones, and null if it is missing") {
  runtime::BufferPool pool;
  const auto text = pool.get(200);
  text->append(
      R"( {"a":1,"b":"x\ny","c":2.5,"d":true,"e":{"n":[1]},"a":7,"big":123456789012345678901234567890} )");
  runtime::Arena arena;
  JsonRecord record(text->view(), false, arena);
  CHECK(record.integer("a") == 7);
  CHECK(record.number("a") == 7.0);
  CHECK(record.text("b") == "x\ny");
  CHECK(record.number("c") == 2.5);
  CHECK(record.boolean("d") == true);
  CHECK(record["e"].type() == runtime::Type::object);
  CHECK(runtime::find_member(record["e"], "n", arena).found);
  CHECK_FALSE(record.integer("c"));
  CHECK_FALSE(record.text("a"));
  CHECK_FALSE(record.boolean("zz"));
  CHECK_FALSE(record.integer("big"));
  CHECK_FALSE(record.number("big"));
  CHECK(record["zz"].is_null());
  CHECK(record.problem() == nullptr);
  for (const char* other : {"[1,2]", "3", "\"x\"", "null"}) {
    const auto bytes = pool.get(200);
    bytes->append(other);
    JsonRecord none(bytes->view(), false, arena);
    CHECK(none["a"].is_null());
    CHECK(none.problem() == nullptr);
  }
  for (const char* bad : {"", " ", "{", "{\"a\":1}}", "{\"a\":1,}", "nul", "{\"a\":\"\xff\"}"}) {
    const auto bytes = pool.get(200);
    bytes->append(bad);
    JsonRecord malformed(bytes->view(), false, arena);
    INFO(bad);
    CHECK(malformed["a"].is_null());
    CHECK(malformed.problem() != nullptr);
  }
}

TEST_CASE(
    "P7 P10 a record that a source cannot read is a dead letter before any stage, and its position commits") {
  for (const unsigned threads : {1u, 8u}) {
    auto in = source_of(numbered(200), 10);
    in->rejects = [](std::string_view record) { return record.ends_with("3"); };
    auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
    Builder b;
    b.dead_letters_to("dlq", sink(dead));
    auto lines = b.receive("in", receiver(in));
    lines.filter("none of those", [](std::string_view p) { return !p.ends_with("3") || p == "never"; })
        .sink("out", sink(out));
    lines.drop();  // a second branch does not double them
    CHECK(message(run(b, options(threads))) == "");
    CHECK(out->records.size() == 180);
    REQUIRE(dead->records.size() == 20);
    CHECK(dead->records[0].find("\"original\":\"3\"") != std::string::npos);
    CHECK(dead->records[0].find("cannot be read") != std::string::npos);
    CHECK(dead->records[0].find("\"stage\":\"in\"") != std::string::npos);
    CHECK(in->committed() == 200);
  }
}

TEST_CASE("P8 a record that a source cannot read ends the run where dead letters are rejected") {
  auto in = source_of(numbered(30), 10);
  in->rejects = [](std::string_view record) { return record == "15"; };
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  CHECK(code(run(b, options())) == "dead_letter");
  CHECK(in->committed() == 10);
}

TEST_CASE("D12 a factory that throws or returns null is an error that names its node") {
  for (const int what : {0, 1, 2, 3}) {
    auto in = source_of(numbered(5));
    const Builder::MakeReceiver no_receiver = [what]() -> std::unique_ptr<runtime::Receiver> {
      if (what == 1) throw std::runtime_error("no source today");
      return nullptr;
    };
    const Builder::MakeSink no_sink = []() -> std::unique_ptr<runtime::Sink> { return nullptr; };
    Builder b;
    if (what == 3) b.dead_letters_to("dlq", no_sink);
    b.receive("in", what < 2 ? no_receiver : receiver(in))
        .sink("out", what == 2 ? no_sink : sink(std::make_shared<SinkScript>()));
    const Outcome outcome = run(b, options());
    REQUIRE(outcome.error);
    CHECK(outcome.error->node == (what < 2 ? "in" : what == 2 ? "out" : "dlq"));
    CHECK(message(outcome) == (what == 1   ? "exception: no source today"
                               : what == 0 ? "its factory returned no receiver"
                                           : "its factory returned no sink"));
  }
}

TEST_CASE(
    "D13 with more than the budget in flight, sinks, dead letters and commits go on; only the source waits") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    auto in = source_of(std::vector<std::string>(40, std::string(5'000, 'x')), 1);
    auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
    std::size_t written = 0;
    bool overtaken = false;
    out->refuses = [&](std::string_view payload) {
      const std::lock_guard lock(in->mutex);
      // Each batch is fifty times the budget, and twice that at the sink: no other was received meanwhile.
      overtaken = overtaken || in->receives != ++written;
      return payload.front() == 'x';
    };
    Builder b;
    b.dead_letters_to("dlq", sink(dead));
    b.receive("in", receiver(in))
        .map("double", [](std::string_view p, Emit& emit) { emit.record(std::string(p) + std::string(p)); })
        .sink("out", sink(out));
    RunOptions o = options(threads);
    o.budget_bytes = 100;
    const Outcome outcome = run(b, o);
    CHECK(message(outcome) == "");
    CHECK_FALSE(overtaken);
    CHECK(out->records.empty());
    CHECK(dead->records.size() == 40);
    CHECK(in->committed() == 40);
  }
}
