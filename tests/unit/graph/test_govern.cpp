// Memory: leases, parts, the gate, and the metrics.
#include <atomic>
#include <thread>

#include "graph/state/byte_limiter.h"
#include "graph/state/gate.h"
#include "graph/state/limiter.h"
#include "graph/state/split.h"
#include "support/catch.h"
#include "unit/graph/hooked.h"

using namespace pipec;
using namespace pipec::test;
using graph::Metric;

namespace {

// Pressure as the test wants it.
struct Lever {
  std::shared_ptr<std::atomic<double>> level = std::make_shared<std::atomic<double>>(0);
  RunOptions apply(RunOptions options) const {
    runtime::GovernSettings settings;
    settings.more_pressure.push_back({"lever", true, 1, [level = level] { return level->load(); }});
    options.govern = settings;
    return options;
  }
};

double metric(const graph::Pipeline& pipeline, const std::string& name, const std::string& label = "") {
  for (const Metric& one : pipeline.metrics()) {
    if (one.name == name && one.label == label) return one.value;
  }
  return -1;
}

// Records its pauses and resumes, and rejects receives while it is paused.
class GatedReceiver final : public runtime::Receiver {
 public:
  GatedReceiver(std::shared_ptr<SourceScript> script, std::shared_ptr<Journal> journal)
      : inner_(std::move(script)), journal_(std::move(journal)) {}
  Status open(const StateEntries& saved) override { return inner_.open(saved); }
  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    return inner_.receive(limits, block);
  }
  Status commit(std::span<const PositionRange> ranges) override { return inner_.commit(ranges); }
  void interrupt() override { inner_.interrupt(); }
  void pause() override { journal_->note("pause"); }
  void resume() override { journal_->note("resume"); }

 private:
  ScriptedReceiver inner_;
  std::shared_ptr<Journal> journal_;
};

// Returns all its records at once, whatever the limits.
class GreedyReceiver final : public runtime::Receiver {
 public:
  GreedyReceiver(std::vector<std::string> records, std::shared_ptr<std::vector<std::uint64_t>> commits)
      : records_(std::move(records)), commits_(std::move(commits)) {}
  Status open(const StateEntries&) override { return {}; }
  Result<Received> receive(const ReceiveLimits&, Block& block) override {
    if (done_) return Received::end;
    done_ = true;
    for (const std::string& record : records_) {
      block.origins.push_back(
          {static_cast<std::uint32_t>(block.data->size()), static_cast<std::uint32_t>(record.size())});
      block.data->append(record);
    }
    block.ranges.push_back({0, 0, 0, records_.size()});
    return Received::records;
  }
  Status commit(std::span<const PositionRange> ranges) override {
    for (const PositionRange& range : ranges) commits_->push_back(range.end);
    return {};
  }

 private:
  std::vector<std::string> records_;
  std::shared_ptr<std::vector<std::uint64_t>> commits_;
  bool done_ = false;
};

struct Greedy {
  explicit Greedy(std::vector<std::string> given) : records(std::move(given)) {}
  Builder::MakeReceiver make() const {
    return [this] { return std::make_unique<GreedyReceiver>(records, commits); };
  }
  std::vector<std::string> records;
  std::shared_ptr<std::vector<std::uint64_t>> commits = std::make_shared<std::vector<std::uint64_t>>();
};

void same(std::string_view record, graph::Emit& out) {
  out.record(record);
}

RunOptions off(RunOptions options) {
  options.govern.emplace().on = false;
  return options;
}

}  // namespace

TEST_CASE("G4 a unit that grew keeps its permit, and the next ones wait for it") {
  graph::ByteLimiter limiter(100, 10);
  const auto first = limiter.request(40);
  REQUIRE(limiter.try_admit(first));
  limiter.grow(500);
  const auto second = limiter.request(1);
  CHECK_FALSE(limiter.try_admit(second));
  CHECK(limiter.short_of_bytes());
  limiter.release(540);
  CHECK(limiter.try_admit(second));
  limiter.release(1);
  CHECK(limiter.used_bytes() == 0);
}

TEST_CASE("G4 the limiter says who had to wait, and for what") {
  using What = graph::LimiterCall::What;
  std::vector<std::pair<std::uint32_t, bool>> permits;
  graph::Limiter limiter(100, 1, 3);
  limiter.on_grant([&](const graph::Permit& permit) { permits.emplace_back(permit.source, permit.granted); });
  const auto take_permits = [&] { return std::exchange(permits, {}); };
  using Permits = std::vector<std::pair<std::uint32_t, bool>>;

  limiter.take({.what = What::request, .source = 0, .bytes = 10});
  CHECK(take_permits() == Permits{{0, true}});
  CHECK_FALSE(limiter.take_waits().any);
  limiter.take({.what = What::request, .source = 1, .bytes = 10});
  CHECK(take_permits().empty());
  const graph::Limiter::Waits waits = limiter.take_waits();
  CHECK(waits.any);
  CHECK_FALSE(waits.for_bytes);  // it is the number of batches
  limiter.take({.what = What::credit, .bytes = 10});
  CHECK(take_permits() == Permits{{1, true}});
  CHECK_FALSE(limiter.take_waits().any);
  limiter.take({.what = What::credit, .bytes = 10});
  CHECK(limiter.used_bytes() == 0);
}

TEST_CASE("G4 at the end of a run permits are granted only for what was received before") {
  using What = graph::LimiterCall::What;
  std::vector<std::pair<std::uint32_t, bool>> permits;
  graph::Limiter limiter(10, 10, 2);
  limiter.on_grant([&](const graph::Permit& permit) { permits.emplace_back(permit.source, permit.granted); });
  limiter.take({.what = What::request, .source = 0, .bytes = 10});
  limiter.take({.what = What::request, .source = 1, .bytes = 5});
  limiter.take({.what = What::no_more});
  limiter.take({.what = What::request, .source = 0, .bytes = 1});
  limiter.take({.what = What::request, .rest = true, .source = 1, .bytes = 5});  // waits for room
  CHECK(permits == std::vector<std::pair<std::uint32_t, bool>>{{0, true}, {1, false}, {0, false}});
  limiter.take({.what = What::credit, .bytes = 10});
  CHECK(permits.back() == std::pair<std::uint32_t, bool>(1, true));
  limiter.take({.what = What::credit, .bytes = 5});
  CHECK(limiter.used_bytes() == 0);
  CHECK(limiter.used_units() == 0);
}

TEST_CASE("G4 a unit that must be alone waits until nothing else is in flight") {
  graph::ByteLimiter limiter(100, 10);
  REQUIRE(limiter.try_admit(limiter.request(10)));
  const auto alone = limiter.request(10, true);
  CHECK_FALSE(limiter.try_admit(alone));
  limiter.release(10);
  CHECK(limiter.try_admit(alone));
  limiter.release(10);
}

TEST_CASE("G7 a closed gate admits sources whose own queue is the pressure, if allowed") {
  using State = graph::Gate::State;
  constexpr std::chrono::hours kLong{1};
  constexpr std::chrono::milliseconds kNow{0};
  graph::Gate gate;
  CHECK(gate.wait_for(kLong, false) == State::open);
  gate.close();
  CHECK(gate.wait_for(kNow, true) == State::closed);
  gate.drain(true);
  CHECK(gate.drains());
  CHECK(gate.wait_for(kLong, true) == State::draining);
  gate.drain(false);
  CHECK(gate.wait_for(kNow, true) == State::closed);
  gate.drain(true);
  gate.open();
  CHECK_FALSE(gate.drains());
  CHECK(gate.wait_for(kLong, false) == State::open);
  gate.halt();
  CHECK(gate.wait_for(kLong, false) == State::halted);
}

TEST_CASE("G7 the gate shows each edge once") {
  graph::Gate gate;
  CHECK(gate.wait());
  CHECK_FALSE(gate.open());
  CHECK(gate.close());
  CHECK_FALSE(gate.close());
  CHECK_FALSE(gate.is_open());
  CHECK(gate.open());
  CHECK(gate.wait());
  gate.close();
  gate.halt();
  CHECK_FALSE(gate.wait());
}

TEST_CASE("G3 parts are at most the budget and at least one record, and the last one has the positions") {
  runtime::BufferPool pool;
  Block block;
  block.data = pool.get(100);
  block.source = "in";
  block.first_position = 40;
  block.ranges = {{0, 0, 40, 45}};
  block.metadata.resize(5);
  for (const std::size_t size : {10, 10, 50, 5, 5}) {
    block.metadata[block.origins.size()].key = std::to_string(block.origins.size());
    block.origins.push_back(
        {static_cast<std::uint32_t>(block.data->size()), static_cast<std::uint32_t>(size)});
    block.data->append(std::string(size, static_cast<char>('a' + block.origins.size())));
  }
  const auto sizes = [&](std::size_t most) {
    std::vector<std::size_t> found;
    std::size_t bytes = 0;
    for (std::size_t first = 0; first < 5; first += found.back()) {
      found.push_back(graph::part_size(block, first, most));
      bytes += graph::part_bytes(block, first, found.back());
    }
    CHECK(bytes == 80);
    return found;
  };
  CHECK(sizes(20) == std::vector<std::size_t>{2, 1, 2});
  CHECK(sizes(19) == std::vector<std::size_t>{1, 1, 1, 2});
  CHECK(sizes(0) == std::vector<std::size_t>{1, 1, 1, 1, 1});
  CHECK(sizes(1000) == std::vector<std::size_t>{5});

  const auto middle = graph::part_of(block, 1, 2);
  CHECK(middle->origins.size() == 2);
  CHECK(middle->original(0) == std::string(10, 'c'));
  CHECK(middle->position(1) == 42);
  CHECK(middle->metadata[0].key == "1");
  CHECK(middle->source == "in");
  CHECK(middle->ranges.empty());
  CHECK(graph::part_of(block, 3, 2)->ranges.size() == 1);
}

TEST_CASE("G3 a receive of many times the budget continues in parts, and its positions commit once") {
  for (const std::size_t budget : {0, 1, 1'000, 4'000, 1'000'000}) {
    for (const bool governed : {true, false}) {
      INFO(budget << " " << governed);
      const Greedy in(std::vector<std::string>(1'000, std::string(100, 'x')));
      auto out = std::make_shared<SinkScript>();
      auto sizes = std::make_shared<std::atomic<std::size_t>>(0);
      Builder b;
      b.receive("in", in.make())
          .batches(
              "size",
              [sizes](runtime::Batch& batch, runtime::StageContext&) -> Status {
                std::size_t most = sizes->load();
                while (most < batch.live_bytes() && !sizes->compare_exchange_weak(most, batch.live_bytes())) {
                }
                return {};
              })
          .sink("out", sink(out));
      RunOptions o = governed ? options() : off(options());
      o.budget_bytes = budget;
      const Outcome outcome = run(b, o);
      CHECK(message(outcome) == "");
      CHECK(out->records == in.records);
      CHECK(sizes->load() <= std::max<std::size_t>(budget, 100));
      CHECK(*in.commits == std::vector<std::uint64_t>{1'000});
      CHECK(outcome.summary.bytes_in == 100'000);
    }
  }
}

TEST_CASE("G3 an error in any part leaves the whole receive uncommitted") {
  const Greedy in(numbered(1'000));
  auto out = std::make_shared<SinkScript>();
  out->fail_write = 3;
  MemoryCheckpoint checkpoint;
  Builder b;
  b.receive("in", in.make()).map("copy", same).sink("out", sink(out));
  RunOptions o = options();
  o.budget_bytes = 200;
  o.checkpoint = &checkpoint;
  CHECK(message(run(b, o)) == "write failed");
  CHECK(in.commits->empty());
  CHECK(checkpoint.saves == 0);  // the sinks' state is not saved either, in the middle of the receive
}

TEST_CASE("G3 a receive in flight in parts is finished when the run is stopped") {
  const Greedy in(numbered(1'000));
  auto journal = std::make_shared<Journal>();
  auto out = std::make_shared<SinkScript>();
  out->journal = journal;
  out->cork();
  Builder b;
  b.receive("in", in.make()).sink("out", sink(out));
  RunOptions o = options();
  o.budget_bytes = 200;
  auto pipeline = make(b, o);
  Outcome outcome;
  std::thread runner([&] { outcome = pipeline->run(); });
  journal->wait_for("begin out");
  pipeline->stop();
  out->uncork();
  runner.join();
  CHECK(message(outcome) == "");
  CHECK(out->records == in.records);
  CHECK(*in.commits == std::vector<std::uint64_t>{1'000});
}

TEST_CASE("G2 the output of stages is leased too: the intake waits for growing records") {
  auto in = source_of(std::vector<std::string>(2'000, std::string(100, 'x')), 1'000);
  auto out = std::make_shared<SinkScript>();
  auto most = std::make_shared<std::atomic<double>>(0);
  const graph::Pipeline* running = nullptr;
  Builder b;
  b.receive("in", receiver(in))
      .map("balloon", [](std::string_view record,
                         graph::Emit& emit) { emit.record(std::string(record.size() * 1'000, 'y')); })
      .batches("look",
               [&running, most](runtime::Batch&, runtime::StageContext&) -> Status {
                 const double now = metric(*running, "in_flight_bytes");
                 double before = most->load();
                 while (before < now && !most->compare_exchange_weak(before, now)) {
                 }
                 return {};
               })
      .sink("out", [] {
        struct Nothing final : runtime::Sink {
          Status write(const Batch&, StageContext&) override { return {}; }
        };
        return std::make_unique<Nothing>();
      });
  auto pipeline = make(b, options());
  running = pipeline.get();
  const Outcome outcome = pipeline->run();
  CHECK(message(outcome) == "");
  CHECK(outcome.summary.records_out == 2'000);
  CHECK(in->committed() == 2'000);
  // The first batch is small and shows what is to come: 16 KiB make 16 MiB; from then on 8 MiB hold.
  CHECK(most->load() > 1e6);
  CHECK(most->load() <= 17.0 * (1 << 20));
  CHECK(metric(*pipeline, "in_flight_bytes") == 0);
  CHECK(metric(*pipeline, "buffer_bytes") == 0);
}

TEST_CASE("G2 an outline is leased, goes to stages that read it alone, and is given back") {
  constexpr std::uint32_t kBytes = 1 << 20;
  static const graph::Pipeline* running = nullptr;
  struct Find final : runtime::Stage {
    Status process(Batch& batch, runtime::Scratch*, StageContext& context) const override {
      wanted = wanted || context.outline_wanted();
      if (!context.outline_wanted()) return {};
      batch.outline.text = batch.buffers[0];
      batch.outline.data = batch.pool().get(64);
      batch.outline.used = kBytes;
      return {};
    }
    mutable std::atomic<bool> wanted{false};
  };
  struct Look final : runtime::Stage {
    explicit Look(bool outline) : reads(outline) {}
    Status process(Batch& batch, runtime::Scratch*, StageContext&) const override {
      seen += batch.outline ? 1 : 0;
      leased = leased || metric(*running, "in_flight_bytes") >= kBytes;
      return {};
    }
    bool reads_outline() const override { return reads; }
    const bool reads;
    mutable std::atomic<std::size_t> seen{0};
    mutable std::atomic<bool> leased{false};
  };
  const auto find = std::make_shared<Find>();
  const auto first = std::make_shared<Look>(true);
  const auto second = std::make_shared<Look>(false);
  const auto third = std::make_shared<Look>(true);
  const auto last = std::make_shared<Find>();
  auto in = source_of(numbered(100), 10);
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in))
      .stage("find", find)
      .stage("first", first)
      .stage("second", second)
      .stage("third", third)
      .stage("last", last)
      .sink("out", sink(out));
  auto pipeline = make(b, options());
  running = pipeline.get();
  CHECK(message(pipeline->run()) == "");
  CHECK(out->records == in->records);
  CHECK(find->wanted);
  CHECK_FALSE(last->wanted);
  CHECK(first->seen == 10);
  CHECK(first->leased);
  CHECK(second->seen == 0);
  CHECK(third->seen == 0);
  CHECK(metric(*pipeline, "in_flight_bytes") == 0);
}

TEST_CASE("G4 records that begin to grow in the middle of a run stay within the budget") {
  constexpr std::size_t kRecords = 20'000;
  std::vector<std::string> records = numbered(kRecords);
  for (std::string& record : records) record.resize(1'000, ' ');
  auto in = source_of(records, 200);
  auto most = std::make_shared<std::atomic<double>>(0);
  const graph::Pipeline* running = nullptr;
  struct Counting final : runtime::Sink {
    Status write(const Batch& batch, StageContext&) override {
      for (const runtime::Record& record : batch.records) {
        const std::size_t number = std::stoul(std::string(batch.payload(record)));
        if (number != next++) in_order = false;
      }
      return {};
    }
    std::size_t next = 0;
    bool in_order = true;
  };
  Counting* counting = nullptr;
  Builder b;
  b.receive("in", receiver(in))
      .map("balloon",
           [&running, most](std::string_view record, graph::Emit& emit) {
             const bool early = std::stoul(std::string(record)) < kRecords / 2;
             if (early) {
               emit.record(record);
             } else {
               // 200 kB in each batch, of which there are up to twelve, would become 100 MB.
               emit.record(std::string(record) + std::string(500'000, ' '));
             }
             const double now = metric(*running, "buffer_bytes");
             double before = most->load();
             while (before < now && !most->compare_exchange_weak(before, now)) {
             }
           })
      .sink("out", [&counting] {
        auto made = std::make_unique<Counting>();
        counting = made.get();
        return made;
      });
  auto pipeline = make(b, options());
  running = pipeline.get();
  const Outcome outcome = pipeline->run();
  CHECK(message(outcome) == "");
  CHECK(outcome.summary.records_out == kRecords);
  CHECK(counting->next == kRecords);
  CHECK(counting->in_order);
  CHECK(in->committed() == kRecords);
  CHECK(most->load() > 1e6);
  // The budget, and for each batch in flight three times what came in and a record; buffers grow by halves.
  CHECK(most->load() <= 1.5 * (8.0 + 12 * 1.1) * (1 << 20) + 12 * 5e5);
  CHECK(metric(*pipeline, "in_flight_bytes") == 0);
  CHECK(metric(*pipeline, "buffer_bytes") == 0);
}

namespace {

constexpr std::size_t kCopies = 12;

void copies(std::string_view record, graph::Emit& emit) {
  for (std::size_t i = 0; i < kCopies; ++i) emit.record(std::string(record) + static_cast<char>('a' + i));
}

std::vector<std::string> copied(const std::vector<std::string>& records) {
  std::vector<std::string> all;
  for (const std::string& record : records) {
    for (std::size_t i = 0; i < kCopies; ++i) all.push_back(record + static_cast<char>('a' + i));
  }
  return all;
}

}  // namespace

TEST_CASE("G4 D6 D7 a batch that is processed in parts arrives complete and in order on every branch") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    const std::vector<std::string> records = numbered(600);
    auto in = source_of(records, 20);
    auto once = std::make_shared<SinkScript>(), twice = std::make_shared<SinkScript>(),
         other = std::make_shared<SinkScript>(), plain = std::make_shared<SinkScript>();
    Builder b;
    auto lines = b.receive("in", receiver(in));
    auto made = lines.map("copies", copies);
    const auto arms = made.route(
        "by letter", 2, [](std::string_view record) { return std::size_t{record.back() == 'a' ? 0u : 1u}; });
    arms[0].map("copies again", copies).sink("twice", sink(twice));
    arms[1].sink("other", sink(other), true);
    made.sink("once", sink(once));
    lines.sink("plain", sink(plain));
    RunOptions o = options(threads);
    o.budget_bytes = 100;  // no share of it is worth speaking of
    CHECK(message(run(b, o)) == "");
    const std::vector<std::string> all = copied(records);
    CHECK(once->records == all);
    std::vector<std::string> firsts, others;
    for (const std::string& record : all) (record.back() == 'a' ? firsts : others).push_back(record);
    CHECK(twice->records == copied(firsts));
    std::vector<std::string> came = other->records;
    std::sort(came.begin(), came.end());
    std::sort(others.begin(), others.end());
    CHECK(came == others);
    CHECK(plain->records == records);
    CHECK(in->committed() == records.size());
    // It was worked in parts indeed: more writes than batches.
    CHECK(once->writes > 2 * records.size() / 20);
  }
}

TEST_CASE("D3 G4 an error in a later part fails the whole batch") {
  auto in = source_of(numbered(100), 20);
  auto out = std::make_shared<SinkScript>();
  out->fail_write = 2;
  Builder b;
  b.receive("in", receiver(in)).map("copies", copies).sink("out", sink(out));
  RunOptions o = options();
  o.budget_bytes = 100;
  CHECK(message(run(b, o)) == "write failed");
  CHECK(in->committed() == 0);
}

TEST_CASE(
    "G7 under a hold the source is not asked, sinks continue, and each edge is reported and logged once") {
  const Lever lever;
  auto journal = std::make_shared<Journal>();
  auto log = std::make_shared<Journal>();
  auto in = source_of(numbered(100'000), 10);
  auto out = std::make_shared<SinkScript>();
  out->journal = journal;
  out->cork();
  Builder b;
  b.receive("in", [&] { return std::make_unique<GatedReceiver>(in, journal); }).sink("out", sink(out));
  RunOptions o = lever.apply(options());
  o.log = [log](const std::string& line) { log->note(line); };
  auto pipeline = make(b, o);
  Outcome outcome;
  std::thread runner([&] { outcome = pipeline->run(); });
  journal->wait_for("begin out");
  *lever.level = 0.9;
  journal->wait_for("pause");
  CHECK(metric(*pipeline, "paused", "in") == 1);
  out->uncork();  // D13: the pressure is still high, and all that was received leaves
  while (metric(*pipeline, "in_flight_batches") != 0) std::this_thread::yield();
  const std::size_t delivered = in->delivered;
  CHECK(out->written().size() == delivered);
  CHECK(delivered < 100'000);
  CHECK(metric(*pipeline, "pressure_of", "lever") == 0.9);
  CHECK(metric(*pipeline, "pauses") == 1);
  *lever.level = 0.1;
  runner.join();
  CHECK(message(outcome) == "");
  CHECK(out->records.size() == 100'000);
  CHECK(journal->count("pause") == 1);
  CHECK(journal->count("resume") == 1);
  CHECK(outcome.summary.pauses == 1);
  CHECK(outcome.summary.least_budget == 4u << 20);
  const auto lines = log->events();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "governor: paused in: pressure 0.90 (lever)");
  CHECK(lines[1].starts_with("governor: resumed in: pressure 0.10 (lever), after "));
}

namespace {

struct Limits {
  std::atomic<std::size_t> receiver{0}, sink{0};
};

// Records its queue limit, and has its own gauge.
class QueueingReceiver final : public runtime::Receiver {
 public:
  QueueingReceiver(std::shared_ptr<SourceScript> script, std::shared_ptr<Limits> limits)
      : inner_(std::move(script)), limits_(std::move(limits)) {}
  void keep_queue_limit(std::size_t bytes) override { limits_->receiver = bytes; }
  Status open(const StateEntries& saved) override { return inner_.open(saved); }
  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    return inner_.receive(limits, block);
  }
  Status commit(std::span<const PositionRange> ranges) override { return inner_.commit(ranges); }
  void interrupt() override { inner_.interrupt(); }
  std::vector<runtime::Gauge> gauges() const override { return {{"lag_records", 42}}; }

 private:
  ScriptedReceiver inner_;
  std::shared_ptr<Limits> limits_;
};

class QueueingSink final : public runtime::Sink {
 public:
  explicit QueueingSink(std::shared_ptr<Limits> limits) : limits_(std::move(limits)) {}
  void keep_queue_limit(std::size_t bytes) override { limits_->sink = bytes; }
  Status write(const Batch&, StageContext&) override { return {}; }

 private:
  std::shared_ptr<Limits> limits_;
};

}  // namespace

TEST_CASE(
    "G10 receivers share a quarter of the limit for their queues and sinks an eighth, G11 and have figures") {
  // Large enough that a process under a sanitizer causes no pressure.
  constexpr std::size_t kMemory = std::size_t{1} << 40;
  const auto limits = std::make_shared<Limits>();
  const auto one = source_of(numbered(10), 10);
  const auto two = source_of(numbered(10), 10);
  one->blocks_at_end = true;
  Builder b;
  const auto merged = b.receive("one", [&] { return std::make_unique<QueueingReceiver>(one, limits); });
  merged.sink("out", [&] { return std::make_unique<QueueingSink>(limits); });
  b.receive("two", [&] { return std::make_unique<QueueingReceiver>(two, limits); }).sink("other", [&] {
    return std::make_unique<QueueingSink>(limits);
  });
  RunOptions o = options();
  o.govern.emplace().memory = kMemory;
  auto pipeline = make(b, o);
  CHECK(metric(*pipeline, "lag_records", "one") == -1);  // not open yet
  Outcome outcome;
  std::thread runner([&] { outcome = pipeline->run(); });
  while (metric(*pipeline, "records_in") != 20) std::this_thread::yield();
  CHECK(metric(*pipeline, "lag_records", "one") == 42);
  CHECK(metric(*pipeline, "lag_records", "two") == 42);
  const auto limit = static_cast<std::size_t>(metric(*pipeline, "memory_limit_bytes"));
  CHECK(limits->receiver == limit / 4 / 2);
  CHECK(limits->sink == limit / 8 / 2);
  pipeline->stop();
  runner.join();
  CHECK(message(outcome) == "");
  CHECK(metric(*pipeline, "lag_records", "one") == -1);
}

TEST_CASE("G10 with govern off receivers and sinks get no queue limit") {
  const auto limits = std::make_shared<Limits>();
  const auto in = source_of(numbered(10), 10);
  Builder b;
  b.receive("in", [&] { return std::make_unique<QueueingReceiver>(in, limits); }).sink("out", [&] {
    return std::make_unique<QueueingSink>(limits);
  });
  auto pipeline = make(b, off(options()));
  CHECK(message(pipeline->run()) == "");
  CHECK(limits->receiver == 0);
  CHECK(limits->sink == 0);
}

namespace {

// Its queue exceeds the memory limit until it was asked often enough during the pause.
class FullReceiver final : public runtime::Receiver {
 public:
  FullReceiver(std::shared_ptr<SourceScript> script, std::size_t receives)
      : inner_(std::move(script)), left_(receives) {}
  Status open(const StateEntries& saved) override { return inner_.open(saved); }
  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, limits.wait, [&] { return paused_; })) return Received::idle;
    }
    if (left_ != 0) --left_;
    return inner_.receive(limits, block);
  }
  void pause() override {
    const std::lock_guard lock(mutex_);
    paused_ = true;
    changed_.notify_all();
  }
  Status commit(std::span<const PositionRange> ranges) override { return inner_.commit(ranges); }
  void interrupt() override { inner_.interrupt(); }
  std::size_t queued_bytes() const override { return left_ == 0 ? 0 : std::size_t{1} << 50; }

 private:
  ScriptedReceiver inner_;
  std::atomic<std::size_t> left_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool paused_ = false;
};

// Of the process that runs the test, sanitizers and all, hardly anything.
RunOptions roomy(RunOptions options) {
  options.govern.emplace().memory = std::size_t{1} << 40;
  return options;
}

}  // namespace

TEST_CASE("G7 a source whose own queue is the pressure is drained, not held") {
  for (const std::size_t receives : {std::size_t{1}, std::size_t{7}}) {
    auto in = source_of(numbered(200), 10);
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", [&] { return std::make_unique<FullReceiver>(in, receives); })
        .map("copy", same)
        .sink("out", sink(out));
    const Outcome outcome = run(b, roomy(options()));
    CHECK(message(outcome) == "");
    CHECK(out->records == in->records);
    CHECK(in->committed() == 200);
    CHECK(outcome.summary.pauses >= 1);
  }
}

TEST_CASE("G7 one source is drained while another waits for the same pressure") {
  auto full = source_of(numbered(100), 10);
  auto other = source_of(numbered(100), 10);
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("full", [&] { return std::make_unique<FullReceiver>(full, 8); }).sink("out", sink(out));
  b.receive("other", receiver(other)).sink("too", sink(std::make_shared<SinkScript>()));
  CHECK(message(run(b, roomy(options()))) == "");
  CHECK(full->committed() == 100);
  CHECK(other->committed() == 100);
}

TEST_CASE("D13 a transaction ends on time while memory pressure holds its source") {
  const Lever lever;
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(1'000), 10);
  in->journal = journal;
  auto out = std::make_shared<SinkScript>();
  out->cork();
  out->journal = journal;
  Builder b;
  b.receive("in", [&] { return std::make_unique<GatedReceiver>(in, journal); }).sink("out", sink(out));
  graph::Plan plan = b.plan();
  plan.transactional = true;
  ManualClock clock;
  RunOptions o = lever.apply(options());
  o.clock = &clock;
  o.commit_interval = std::chrono::seconds(1);
  auto pipeline = std::move(*graph::Pipeline::make(std::move(plan), o));
  Outcome outcome;
  std::thread runner([&] { outcome = pipeline->run(); });
  journal->wait_for("begin out");
  *lever.level = 5;
  journal->wait_for("pause");
  out->uncork();
  CHECK(in->committed() == 0);
  clock.advance(std::chrono::seconds(2));
  journal->wait_for("commit in");  // the pressure is as high as before
  CHECK(metric(*pipeline, "paused", "in") == 1);
  *lever.level = 0;
  runner.join();
  CHECK(message(outcome) == "");
  CHECK(in->committed() == 1'000);
}

TEST_CASE("G12 two pipelines with one governor: memory that one holds pauses the other, govern off or not") {
  for (const bool governed : {true, false}) {
    auto shared = std::make_shared<runtime::SharedGovernor>(std::size_t{1} << 40);
    auto journal = std::make_shared<Journal>();
    // The holder's queue does not empty until the test empties it.
    auto hoard = std::make_shared<std::atomic<std::size_t>>(0);
    struct Hoarder final : runtime::Sink {
      explicit Hoarder(std::shared_ptr<std::atomic<std::size_t>> bytes) : held(std::move(bytes)) {}
      Status write(const Batch&, StageContext&) override { return {}; }
      std::size_t queued_bytes() const override { return held->load(); }
      std::shared_ptr<std::atomic<std::size_t>> held;
    };
    auto first = source_of(numbered(10), 10);
    first->endless = true;
    Builder one;
    one.receive("in", receiver(first)).sink("hoard", [hoard] { return std::make_unique<Hoarder>(hoard); });
    RunOptions o = governed ? options() : off(options());
    o.governor = shared;
    auto holder = make(one, o);

    auto second = source_of(numbered(10), 10);
    second->endless = true;
    Builder two;
    two.receive("in", [&] { return std::make_unique<GatedReceiver>(second, journal); })
        .sink("out", sink(std::make_shared<SinkScript>()));
    o = options();
    o.governor = shared;
    auto other = make(two, o);

    Outcome outcomes[2];
    std::thread threads[] = {std::thread([&] { outcomes[0] = holder->run(); }),
                             std::thread([&] { outcomes[1] = other->run(); })};
    while (metric(*other, "records_in") != 10) std::this_thread::yield();
    *hoard = std::size_t{1} << 41;
    journal->wait_for("pause");
    CHECK(metric(*other, "pressure_of", "tracked") > 1);
    if (governed) {
      while (metric(*holder, "paused", "in") != 1) std::this_thread::yield();
    } else {
      CHECK(metric(*holder, "paused", "in") == -1);
    }
    *hoard = 0;
    journal->wait_for("resume");
    holder->stop();
    other->stop();
    for (std::thread& thread : threads) thread.join();
    CHECK(message(outcomes[0]) == "");
    CHECK(message(outcomes[1]) == "");
  }
}

namespace {

// An endless source that records how many records it is asked for.
struct Asked final : runtime::Receiver {
  explicit Asked(std::function<bool(std::size_t)> on_receive) : more(std::move(on_receive)) {}
  Status open(const StateEntries&) override { return {}; }
  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    if (!more(limits.max_records)) return Received::end;
    block.data->append("x");
    block.origins.push_back({0, 1});
    block.ranges.push_back({0, 0, calls, calls + 1});
    ++calls;
    return Received::records;
  }
  Status commit(std::span<const PositionRange>) override { return {}; }
  const std::function<bool(std::size_t)> more;
  std::uint64_t calls = 0;
};

}  // namespace

TEST_CASE(
    "G8 low_latency asks a receiver for 500 records at a time, other profiles for as many as the bytes "
    "allow") {
  for (const auto& [profile, records] :
       {std::pair(runtime::Profile::low_latency, std::size_t{500}),
        std::pair(runtime::Profile::balanced, (std::size_t{256} << 10) / 16)}) {
    std::vector<std::size_t> asked;
    auto out = std::make_shared<SinkScript>();
    Builder b;
    b.receive("in", [&] {
       return std::make_unique<Asked>([&](std::size_t most) {
         asked.push_back(most);
         return asked.size() < 4;
       });
     }).sink("out", sink(out));
    RunOptions o = options();
    o.govern.emplace().profile = profile;
    o.govern->memory = std::size_t{1} << 40;
    CHECK(message(run(b, o)) == "");
    CHECK(asked == std::vector<std::size_t>(4, records));
  }
}

TEST_CASE(
    "G8 after a hold a receiver is asked for fewer records than the profile's, in step with the budget") {
  const Lever lever;
  auto journal = std::make_shared<Journal>();
  std::size_t after = 0, held_at = 0;
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", [&] {
     return std::make_unique<Asked>([&](std::size_t most) {
       if (journal->count("held") == 0) return true;
       if (++held_at == 1) return true;  // it was asked before
       after = most;
       return false;
     });
   }).sink("out", sink(out));
  RunOptions o = lever.apply(options());
  o.govern->memory = std::size_t{1} << 40;
  o.log = [&](const std::string& line) {
    if (line.starts_with("governor: paused")) {
      journal->note("held");
      *lever.level = 0.1;
    }
  };
  *lever.level = 0.9;
  CHECK(message(run(b, o)) == "");
  // Half of the 1,000, and what the budget has grown since.
  CHECK(after >= 250);
  CHECK(after < 1'000);
}

TEST_CASE("G11 last_received_bytes is the size of the last block") {
  auto in = source_of({std::string(10, 'a'), std::string(300, 'b'), std::string(70, 'c')}, 1);
  auto out = std::make_shared<SinkScript>();
  std::vector<double> seen;
  const graph::Pipeline* running = nullptr;
  Builder b;
  b.receive("in", hooked(in,
                         [&](const std::string& call) {
                           if (call == "receive") seen.push_back(metric(*running, "last_received_bytes"));
                         }))
      .sink("out", sink(out));
  auto pipeline = make(b, options());
  running = pipeline.get();
  CHECK(message(pipeline->run()) == "");
  CHECK(seen == std::vector<double>{0, 10, 300, 70});
  CHECK(metric(*pipeline, "last_received_bytes") == 70);
}

TEST_CASE("G7 a run can be stopped during a hold") {
  const Lever lever;
  auto in = source_of(numbered(10));
  in->endless = true;
  auto journal = std::make_shared<Journal>();
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", [&] { return std::make_unique<GatedReceiver>(in, journal); }).sink("out", sink(out));
  auto pipeline = make(b, lever.apply(options()));
  Outcome outcome;
  std::thread runner([&] { outcome = pipeline->run(); });
  *lever.level = 5;
  journal->wait_for("pause");
  pipeline->stop();
  runner.join();
  CHECK(message(outcome) == "");
  CHECK(in->committed() == out->records.size());
}

TEST_CASE("G6 the API rejects the same settings as the language") {
  auto in = source_of(numbered(1));
  Builder b;
  b.receive("in", receiver(in)).drop();
  RunOptions o = options();
  o.govern.emplace().resume_below = 0.9;
  auto made = graph::Pipeline::make(b.plan(), o);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == "govern");
}

TEST_CASE("G1 a limit that the process itself fills is an error at the start") {
  auto in = source_of(numbered(1));
  Builder b;
  b.receive("in", receiver(in)).drop();
  RunOptions o = options();
  o.govern.emplace().memory = 1;
  CHECK(code(run(b, o)) == "govern");
  CHECK(in->open_calls == 0);
}

TEST_CASE("G11 an ungoverned run creates no governor and reports none") {
  auto in = source_of(numbered(100));
  auto out = std::make_shared<SinkScript>();
  Builder b;
  b.receive("in", receiver(in)).map("copy", same).sink("out", sink(out));
  auto pipeline = make(b, off(options()));
  CHECK(message(pipeline->run()) == "");
  CHECK(metric(*pipeline, "pauses") == -1);
  CHECK(metric(*pipeline, "memory_limit_bytes") == -1);
  CHECK(metric(*pipeline, "budget_bytes") == 8u << 20);
  CHECK(metric(*pipeline, "records_in") == 100);
}
