// The small things that make a program of a hundred lines short: receivers of rows, edits of JSON, dead
// letters as a call, positions that the sink keeps.
#include "support/catch.h"
#include "unit/graph/fixture.h"

#include "pipec/runtime/json.h"

using namespace pipec;
using namespace pipec::test;
using graph::DeadLetterView;
using graph::Emit;
using graph::JsonRecord;
using runtime::Block;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Metadata;
using runtime::Received;
using runtime::Result;
using runtime::StateEntries;
using runtime::Status;

namespace {

// Rows of a table, from the one that the last run did not commit on.
class Rows final : public runtime::Receiver {
 public:
  explicit Rows(std::vector<std::string> rows) : rows_(std::move(rows)) {}
  Status open(const StateEntries& saved) override {
    if (!saved.empty()) next_ = std::stoull(saved[0].value);
    return {};
  }
  Result<Received> receive(const runtime::ReceiveLimits& limits, Block& block) override {
    if (next_ == rows_.size()) return Received::end;
    for (; next_ < rows_.size() && !limits.reached_by(block); ++next_) {
      if (next_ % 2 == 0) {
        block.add_record(rows_[next_], next_);
      } else {
        block.add_record(rows_[next_], next_, Metadata{.key = "key " + std::to_string(next_)});
      }
    }
    return Received::records;
  }
  Status commit(std::span<const runtime::PositionRange>) override { return {}; }
  void describe(std::span<const runtime::PositionRange> ranges, StateEntries& out) const override {
    out.push_back({"next", std::to_string(ranges.back().end)});
  }

 private:
  std::vector<std::string> rows_;
  std::uint64_t next_ = 0;
};

// Results and position in one transaction.
struct Store {
  std::vector<std::string> records;
  std::string next;
};

class Transactions final : public runtime::Sink {
 public:
  Transactions(Store& store, std::size_t fails_at) : store_(store), fails_at_(fails_at) {}
  Status saved_positions(std::string_view receiver, StateEntries& out) override {
    if (receiver != "rows") return Error::make(ErrorCode::sink, "an unknown receiver");
    if (!store_.next.empty()) out.push_back({"next", store_.next});
    return {};
  }
  Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    if (--fails_at_ == 0) return Error::make(ErrorCode::sink, "the store is down");
    for (const runtime::Record& record : batch.records) store_.records.emplace_back(batch.payload(record));
    store_.next = std::to_string(batch.block().ranges.back().end);
    return {};
  }

 private:
  Store& store_;
  std::size_t fails_at_;
};

struct Letter {
  std::string original, reason, stage, key;
  std::uint64_t position;
  bool operator==(const Letter&) const = default;
};

Letter letter_of(const DeadLetterView& view) {
  return {std::string(view.original()), std::string(view.reason()), std::string(view.stage()),
          view.metadata() ? view.metadata()->key.value_or("") : "", view.position()};
}

// The result of map_json(edit) for one record.
std::string edited(const std::string& record, const std::function<void(JsonRecord&)>& edit) {
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(source_of({record})))
      .map_json("edit",
                [&](JsonRecord& json, Emit& emit) {
                  edit(json);
                  emit.record(json.payload());
                })
      .sink("out", sink(out));
  CHECK(message(run(b, options())) == "");
  return out->records.empty() ? "" : out->records[0];
}

}  // namespace

TEST_CASE("a receiver of rows adds records one by one, with positions and keys") {
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("rows", [] { return std::make_unique<Rows>(numbered(25)); })
      .ordered<graph::KeyValueState>("with key",
                                     [](graph::KeyValueState&, const graph::RecordView& record, Emit& emit) {
                                       emit.record(std::string(record.payload()) + " at " +
                                                   std::to_string(record.position()) + ": " +
                                                   std::string(record.key().value_or("none")));
                                     })
      .sink("out", sink(out));
  RunOptions o = options(1);
  o.batch_bytes = 20;
  const Outcome outcome = run(b, o);
  CHECK(message(outcome) == "");
  REQUIRE(out->records.size() == 25);
  CHECK(out->records[4] == numbered(25)[4] + " at 4: none");
  CHECK(out->records[5] == numbered(25)[5] + " at 5: key 5");
  REQUIRE(outcome.committed.size() == 1);
  CHECK(outcome.committed[0].end == 25);
  CHECK(outcome.summary.batches > 3);
}

TEST_CASE("D5 with `commit sink` the receiver resumes where the sink's own transaction ended") {
  Store store;
  const auto run_until = [&](std::size_t fails_at) {
    Builder b;
    b.commit_by_sink();
    b.receive("rows", [] { return std::make_unique<Rows>(numbered(25)); }).sink("store", [&store, fails_at] {
      return std::make_unique<Transactions>(store, fails_at);
    });
    RunOptions o = options();
    o.batch_bytes = 20;
    return run(b, o);
  };
  CHECK(message(run_until(3)) == "the store is down");
  CHECK(!store.records.empty());
  CHECK(store.records.size() < 25);
  CHECK(message(run_until(0)) == "");
  CHECK(store.records == numbered(25));
}

TEST_CASE(
    "P9 dead letters go to a function of the program before the commit, in order, with all that is known") {
  std::vector<Letter> letters;
  auto in = source_of({"1", "bad a", "2", "bad b"}, 2);
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in))
      .map("check",
           [](std::string_view record, Emit& emit) {
             if (record.starts_with("bad")) return emit.dead_letter("it is bad");
             emit.record(record);
           })
      .sink("out", sink(out));
  b.on_dead_letter([&](const DeadLetterView& view) -> Status {
    CHECK(in->committed() <= view.position());
    letters.push_back(letter_of(view));
    return {};
  });
  const Outcome outcome = run(b, options());
  CHECK(message(outcome) == "");
  CHECK(outcome.summary.dead_letters == 2);
  CHECK(letters ==
        std::vector<Letter>{{"bad a", "it is bad", "check", "", 1}, {"bad b", "it is bad", "check", "", 3}});
  CHECK(in->committed() == 4);
}

TEST_CASE("P9 a function for dead letters may ask for another try; its error and its exception end the run") {
  enum class Ends { retry, error, exception };
  for (const Ends how : {Ends::retry, Ends::error, Ends::exception}) {
    auto in = source_of({"a", "b", "c", "d"}, 4);
    auto out = std::make_shared<SinkScript>();
    int calls = 0;
    std::vector<std::string> letters;
    Builder b;
    b.receive("in", receiver(in))
        .map("all", [](std::string_view, Emit& emit) { emit.dead_letter("no"); })
        .sink("out", sink(out));
    b.on_dead_letter([&](const DeadLetterView& view) -> Status {
      if (++calls == 3) {
        if (how == Ends::exception) throw std::runtime_error("boom");
        if (how == Ends::retry) return Error::retry(ErrorCode::io, "busy");
        return Error::make(ErrorCode::io, "full");
      }
      letters.emplace_back(view.original());
      return {};
    });
    const Outcome outcome = run(b, options());
    if (how == Ends::retry) {
      CHECK(message(outcome) == "");
      CHECK(letters == std::vector<std::string>{"a", "b", "c", "d"});
      CHECK(in->committed() == 4);
    } else {
      CHECK(message(outcome) == (how == Ends::error ? "full" : "exception: boom"));
      REQUIRE(outcome.error);
      CHECK(outcome.error->node == "on_dead_letter");
      CHECK(in->committed() == 0);
    }
  }
}

TEST_CASE("JsonRecord reads and sets by field and by JSON Pointer, and leaves all other bytes alone") {
  const std::string record = R"({"a":1.10,"user":{"tags":["x","y"],"n/a":2}})";
  CHECK(
      edited(record,
             [](JsonRecord& json) {
               CHECK(json.at("/user/tags/1").text() == "y");
               CHECK(json.at("/user/n~1a").as_int() == 2);
               CHECK(json.at("/user/none").is_null());
               CHECK(json.set("level", std::string("high")));
               CHECK(json.text("level") == "high");
               CHECK(json.set_at("/user/tags/0", 7));
               CHECK(json.set_at("/geo/country", "IS"));
               CHECK(json.set("ok", true));
               CHECK(json.set("ratio", 0.5));
               CHECK(json.set("same", json["a"]));
             }) ==
      R"({"a":1.10,"user":{"tags":[7,"y"],"n/a":2},"level":"high","geo":{"country":"IS"},"ok":true,"ratio":0.5,"same":1.10})");
  CHECK(edited(R"({"a~b":1,"c/d":2})", [](JsonRecord& json) {
          CHECK(json.set("a~b", 3));
          CHECK(json.set("c/d", 4));
        }) == R"({"a~b":3,"c/d":4})");
  CHECK(edited(record, [](JsonRecord& json) {
          CHECK_FALSE(json.set_at("/a/b", 1));
          CHECK_FALSE(json.set_at("/user/tags/9", 1));
          CHECK_FALSE(json.set_at("user", 1));
        }) == record);
  CHECK(edited("[1,[2]]", [](JsonRecord& json) {
          CHECK(json.at("/1/0").as_int() == 2);
          CHECK_FALSE(json.set("a", 1));
          CHECK(json.set_at("/0", 5));
        }) == "[5,[2]]");
}

TEST_CASE("D12 a builder's mistakes with dead letters and compiled stages are errors of make()") {
  const auto problem = [](const Builder& b) {
    const auto made = Pipeline::make(b.plan(), options());
    return made ? "" : made.error().message;
  };
  auto out = std::make_shared<SinkScript>();
  {
    Builder b;
    b.receive("in", receiver(source_of({}))).sink("out", sink(out));
    b.on_dead_letter(nullptr);
    CHECK(problem(b) == "on_dead_letter() was given no function to call");
  }
  {
    Builder b;
    b.receive("in", receiver(source_of({})))
        .stages(Error::make(ErrorCode::compile, "stages:1:1: error"))
        .sink("out", sink(out));
    CHECK(problem(b) == "stages:1:1: error");
  }
  {
    Builder b;
    b.receive("in", receiver(source_of({}))).stages(graph::Plan()).sink("out", sink(out));
    CHECK(problem(b) == "the stages end in a sink, route or drop, so that nothing can follow them");
  }
}

TEST_CASE("metrics count what each node took, gave and tried again, and up to where inputs are committed") {
  auto in = source_of({"1", "bad", "2", "3"}, 2);
  in->retriable_commits = 1;
  auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
  out->retriable_writes = 2;
  Builder b;
  b.receive("in", receiver(in))
      .map("check",
           [](std::string_view record, Emit& emit) {
             if (record == "bad") return emit.dead_letter("bad");
             emit.record(record);
             emit.record(record);
           })
      .filter("no 3", [](std::string_view record) { return record != "3"; })
      .sink("out", sink(out));
  b.dead_letters_to("dlq", sink(dead));
  const auto pipeline = make(b, options());
  REQUIRE(message(pipeline->run()) == "");
  const auto value = [&](const std::string& name, const std::string& label) {
    double sum = -1;
    for (const graph::Metric& metric : pipeline->metrics()) {
      if (metric.name == name && metric.label == label) sum = metric.value;
    }
    return sum;
  };
  CHECK(value("node_records_in", "in") == 4);
  CHECK(value("node_records_in", "check") == 4);
  CHECK(value("node_records_out", "check") == 6);
  CHECK(value("node_dead_letters", "check") == 1);
  CHECK(value("node_records_out", "no 3") == 4);
  CHECK(value("node_records_out", "out") == 4);
  CHECK(value("node_retries", "out") == 2);
  CHECK(value("node_retries", "in") == 1);
  CHECK(value("node_records_in", "dlq") == 1);
  CHECK(value("committed_position", "in 0") == 4);
}
