// Stages with state: order, consistent checkpoints, and records that leave at the end and as time passes.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "unit/graph/fixture.h"

using namespace pipec;
using namespace pipec::test;
using graph::Emit;
using graph::KeyValueState;
using graph::Node;
using graph::RecordView;
using runtime::Batch;
using runtime::StageContext;

namespace {

// "<how many came before>:<record>".
Builder::Stream numbered_by_state(const Builder::Stream& stream, const std::string& name) {
  return stream.ordered<KeyValueState>(name, [](KeyValueState& state, const RecordView& record, Emit& out) {
    const std::string* known = state.find("n");
    const int n = known ? std::stoi(*known) : 0;
    state.set("n", std::to_string(n + 1));
    out.record(std::to_string(n) + ":" + std::string(record.payload()));
  });
}

// Lets out what it collected when the input ends, as one record; with `timed` whenever time passes, too.
class Collect final : public runtime::OrderedStage {
 public:
  explicit Collect(bool timed = false, std::atomic<int>* finished = nullptr)
      : timed_(timed), finished_(finished) {}
  Status apply(Batch& batch, runtime::Prepared*, StageContext& context) override {
    for (const runtime::Record& record : batch.records) held_ += std::string(batch.payload(record)) + " ";
    context.count_filtered(batch.records.size());
    batch.records.clear();
    return {};
  }
  Status finish(Batch& out, StageContext&) override {
    if (finished_) ++*finished_;
    emit(out, "end " + held_);
    return {};
  }
  bool wants_time() const override { return timed_; }
  Status on_time(std::int64_t, Batch& out, StageContext&) override {
    if (!held_.empty()) emit(out, "time " + held_);
    return {};
  }

 private:
  void emit(Batch& out, const std::string& text) {
    runtime::Record record;
    record.buffer = out.add_buffer(text.size());
    record.begin = 0;
    record.size = static_cast<std::uint32_t>(text.size());
    out.buffers[record.buffer]->append(text);
    out.records.push_back(record);
    held_.clear();
  }
  const bool timed_;
  std::atomic<int>* const finished_;
  std::string held_;
};

// A plan in -> stages of this kind -> out.
graph::Plan with_stages(const std::vector<std::shared_ptr<SourceScript>>& sources,
                        const std::shared_ptr<SinkScript>& out, std::size_t stages,
                        const std::function<std::unique_ptr<runtime::OrderedStage>()>& stage) {
  Builder b;
  std::vector<Builder::Stream> streams;
  for (const auto& source : sources) streams.push_back(b.receive(source->name, receiver(source)));
  Builder::Stream stream = streams.size() == 1 ? streams[0] : b.merge(streams);
  for (std::size_t i = 0; i < stages; ++i) stream = numbered_by_state(stream, "stage" + std::to_string(i));
  stream.sink("out", sink(out));
  graph::Plan plan = b.plan();
  for (Node& node : plan.nodes) {
    if (node.kind == Node::Kind::ordered)
      node.make_ordered = [stage](const graph::RunServices&) { return stage(); };
  }
  return plan;
}

Outcome run_plan(const graph::Plan& plan, RunOptions options) {
  return (*Pipeline::make(plan, std::move(options)))->run();
}

}  // namespace

TEST_CASE("S2 an ordered stage sees the source's order, whatever the workers and the batches") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    for (const std::size_t per_batch : {1u, 3u, 50u}) {
      INFO(threads << " threads, " << per_batch << " records a batch");
      Builder b;
      auto in = source_of(numbered(400), per_batch);
      auto out = std::make_shared<SinkScript>();
      auto stream = b.receive("in", receiver(in)).filter("odd", [](std::string_view record) {
        return (record.back() - '0') % 2 == 1;
      });
      numbered_by_state(stream, "count").sink("out", sink(out));
      REQUIRE(code(run(b, options(threads))) == "ok");
      REQUIRE(out->records.size() == 200);
      for (std::size_t i = 0; i < 200; ++i) {
        CHECK(out->records[i] == std::to_string(i) + ":" + std::to_string(2 * i + 1));
      }
    }
  }
}

TEST_CASE("S1 every checkpoint holds a stage's state and exactly the positions that it reflects") {
  Builder b;
  auto in = source_of(numbered(3000), 7);
  auto out = std::make_shared<SinkScript>();
  auto aside = std::make_shared<SinkScript>();
  auto stream = b.receive("in", receiver(in));
  stream.sink("aside", sink(aside));
  numbered_by_state(numbered_by_state(stream, "first"), "second").sink("out", sink(out));
  MemoryCheckpoint store;
  std::set<std::string> seen;
  store.on_save = [&](const MemoryCheckpoint& saved) {
    const std::string position = saved.value("in\t0");
    if (position.empty()) return;  // before the first commit
    seen.insert(position);
    CHECK(saved.value("first\tn") == position);
    CHECK(saved.value("second\tn") == position);
    CHECK(saved.value("out\trecords") == position);
  };
  RunOptions with_store = options(4);
  with_store.checkpoint = &store;
  REQUIRE(code(run(b, with_store)) == "ok");
  CHECK(store.value("first\tn") == "3000");
  CHECK(seen.size() > 1);
}

TEST_CASE("S1 a stage resumes with its saved state, and starts empty without it") {
  MemoryCheckpoint store;
  const auto run_once = [&](bool from_start) {
    Builder b;
    auto out = std::make_shared<SinkScript>();
    numbered_by_state(b.receive("in", receiver(source_of(numbered(3)))), "count").sink("out", sink(out));
    RunOptions with_store = options();
    with_store.checkpoint = &store;
    with_store.from_start = from_start;
    REQUIRE(code(run(b, with_store)) == "ok");
    return out->records;
  };
  CHECK(run_once(false) == std::vector<std::string>{"0:0", "1:1", "2:2"});
  CHECK(run_once(false) == std::vector<std::string>{"3:0", "4:1", "5:2"});
  CHECK(run_once(true) == std::vector<std::string>{"0:0", "1:1", "2:2"});
}

TEST_CASE("S1 a stage that fails ends the run, and neither its batch nor a later one is committed") {
  Builder b;
  auto in = source_of(numbered(100), 10);
  auto out = std::make_shared<SinkScript>();
  b.receive("in", receiver(in))
      .ordered<KeyValueState>("count",
                              [](KeyValueState& state, const RecordView& record, Emit& emit) {
                                if (record.payload() == "35") throw std::runtime_error("not this one");
                                state.set("last", std::string(record.payload()));
                                emit.record(record.payload());
                              })
      .sink("out", sink(out));
  MemoryCheckpoint store;
  RunOptions with_store = options(4);
  with_store.checkpoint = &store;
  const Outcome outcome = run(b, with_store);
  REQUIRE(outcome.error);
  CHECK(outcome.error->node == "count");
  CHECK(outcome.error->message == "exception: not this one");
  CHECK(out->records.size() == 30);
  CHECK(store.value("count\tlast") == "29");
  CHECK(store.value("in\t0") == "30");
}

TEST_CASE("S7 state that was kept for another definition of the stage is rejected") {
  MemoryCheckpoint store;
  const auto outcome_of = [&](const std::string& meaning, bool from_start = false) {
    Builder b;
    numbered_by_state(b.receive("in", receiver(source_of(numbered(3)))), "count")
        .sink("out", sink(std::make_shared<SinkScript>()));
    graph::Plan plan = b.plan();
    plan.nodes[1].meaning = meaning;
    RunOptions with_store = options();
    with_store.checkpoint = &store;
    with_store.from_start = from_start;
    return run_plan(plan, with_store);
  };
  CHECK(code(outcome_of("count(.a)")) == "ok");
  CHECK(code(outcome_of("count(.a)")) == "ok");
  const Outcome other = outcome_of("count(.b)");
  CHECK(code(other) == "state");
  CHECK(other.error->node == "count");
  CHECK(message(other) ==
        "its state was kept for count(.a), and it is count(.b) now: change it back, or start over with "
        "--from-start");
  CHECK(code(outcome_of("count(.b)", true)) == "ok");
  CHECK(code(outcome_of("count(.b)")) == "ok");
}

TEST_CASE("S8 a stage with state does not go with commit sink") {
  Builder b;
  numbered_by_state(b.receive("in", receiver(source_of({}))), "count")
      .sink("out", sink(std::make_shared<SinkScript>()));
  b.commit_by_sink();
  auto made = Pipeline::make(b.plan(), options());
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().message ==
        "a stage with state cannot be combined with 'commit sink': the sink chooses when positions commit");
}

TEST_CASE("Records that a stage holds leave when all its sources have ended, through the stages after it") {
  auto first = source_of({"a", "b"}, 1);
  auto second = source_of({"c"}, 1);
  first->name = "first";
  second->name = "second";
  auto out = std::make_shared<SinkScript>();
  std::atomic<int> finished{0};
  const graph::Plan plan = with_stages({first, second}, out, 2,
                                       [&finished] { return std::make_unique<Collect>(false, &finished); });
  MemoryCheckpoint store;
  RunOptions with_store = options();
  with_store.checkpoint = &store;
  const Outcome outcome = run_plan(plan, with_store);
  REQUIRE(code(outcome) == "ok");
  CHECK(finished == 2);
  REQUIRE(out->records.size() == 1);
  std::string letters = out->records[0];
  CHECK(letters.starts_with("end end "));
  letters = letters.substr(8);
  std::sort(letters.begin(), letters.end());
  CHECK(letters == "    abc");  // between sources the order is that of arrival
  CHECK(store.value("first\t0") == "2");
  CHECK(outcome.summary.records_in == 3);
}

TEST_CASE("A run that is stopped, or fails, does not release the records that a stage holds") {
  auto in = source_of({"a", "b"}, 1);
  in->endless = true;
  auto out = std::make_shared<SinkScript>();
  std::atomic<int> finished{0};
  auto made = Pipeline::make(
      with_stages({in}, out, 1, [&finished] { return std::make_unique<Collect>(false, &finished); }),
      options());
  std::thread stopper([&] {
    std::unique_lock lock(in->mutex);
    in->changed.wait(lock, [&] { return in->idles > 0; });
    lock.unlock();
    (*made)->stop();
  });
  CHECK(code((*made)->run()) == "ok");
  stopper.join();
  CHECK(finished == 0);
  CHECK(out->records.empty());
}

TEST_CASE("A stage that asks for it can release records as time passes") {
  auto in = source_of({"a"}, 1);
  in->endless = true;
  auto out = std::make_shared<SinkScript>();
  auto made =
      Pipeline::make(with_stages({in}, out, 1, [] { return std::make_unique<Collect>(true); }), options());
  std::thread stopper([&] {
    std::unique_lock lock(out->mutex);
    out->changed.wait(lock, [&] { return !out->records.empty(); });
    lock.unlock();
    (*made)->stop();
  });
  CHECK(code((*made)->run()) == "ok");
  stopper.join();
  REQUIRE(out->records.size() == 1);
  CHECK(out->records[0] == "time a ");
}

TEST_CASE("The picture of the graph has every node and every edge") {
  Builder b;
  auto in = b.receive("in", receiver(source_of({})));
  auto arms = in.route("route", 2, [](std::string_view) { return 0; });
  arms[0].drop();
  auto counted = numbered_by_state(arms[1], "count");
  counted.sink("a", sink(std::make_shared<SinkScript>()));
  counted.sink("b", sink(std::make_shared<SinkScript>()));
  const graph::Picture picture = make(b, options())->picture();
  std::multiset<std::string> edges;
  for (const graph::Picture::Edge& edge : picture.edges) {
    const auto text = [&](std::uint32_t node) {
      return picture.nodes[node].name + "/" + picture.nodes[node].kind;
    };
    edges.insert(text(edge.from) + " -" + edge.carries + "> " + text(edge.to));
  }
  const std::multiset<std::string> expected = {
      "limiter/limiter -permit> in/recv",
      "in/recv -> in/read",
      "in/recv -request> limiter/limiter",
      "in/read -> route/route",
      "route/route -> arm 0/join",
      "route/route -> arm 1/join",
      "arm 0/join -> drop/drop",
      "arm 1/join -> count/prepare",
      "count/prepare -> count/apply",
      "count/apply -> count/fan-out",
      "count/fan-out -> a/sink",
      "count/fan-out -> b/sink",
      "drop/drop -done> ends/ends",
      "count/apply -done> ends/ends",
      "a/sink -done> ends/ends",
      "a/sink -again> a/sink",
      "a/sink -later> a/completed",
      "a/completed -done> ends/ends",
      "b/sink -done> ends/ends",
      "b/sink -again> b/sink",
      "b/sink -later> b/completed",
      "b/completed -done> ends/ends",
      "ends/ends -batch> dead letters/route point",
      "dead letters/route point -again> dead letters/route point",
      "dead letters/route point -settled> commit barrier/commit barrier",
      "commit barrier/commit barrier -credit> limiter/limiter",
      "commit barrier/commit barrier -commit> committer/committer",
      "committer/committer -committed> commit barrier/commit barrier",
      "commit points/commit points -visit> a/sink",
      "commit points/commit points -visit> b/sink",
      "commit points/commit points -visit> count/apply",
      "governor/governor -limit> limiter/limiter",
  };
  CHECK(edges == expected);
}
