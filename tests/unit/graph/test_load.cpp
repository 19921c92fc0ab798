// The graph under load: a million batches of one record each.
#include "support/catch.h"
#include "unit/graph/fixture.h"

using namespace pipec;
using namespace pipec::test;
using graph::Emit;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr std::uint64_t kBatches = 50'000;
#else
constexpr std::uint64_t kBatches = 1'000'000;
#endif

// The results of a run. Equal for equal runs, whatever the threads did.
struct Trace {
  std::uint64_t records = 0;
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a over all records in the order they came
  void add(std::string_view payload) {
    ++records;
    for (const char c : payload) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  bool operator==(const Trace&) const = default;
};

struct Load {
  Trace left, right, all;
  std::uint64_t committed = 0;
  bool commits_ascend = true;
};

class Counting final : public runtime::Receiver {
 public:
  explicit Counting(Load& load) : load_(load) {}
  Status open(const StateEntries&) override { return {}; }
  Result<Received> receive(const ReceiveLimits&, Block& block) override {
    if (next_ == kBatches) return Received::end;
    char text[20];
    std::size_t size = 0;
    for (std::uint64_t n = next_; size == 0 || n != 0; n /= 10)
      text[size++] = static_cast<char>('0' + n % 10);
    block.data->append(std::string_view(text, size));
    block.origins.push_back({0, static_cast<std::uint32_t>(size)});
    block.first_position = next_;
    block.ranges.push_back({0, 0, next_, next_ + 1});
    ++next_;
    return Received::records;
  }
  Status commit(std::span<const PositionRange> ranges) override {
    for (const PositionRange& range : ranges) {
      if (range.end <= load_.committed) load_.commits_ascend = false;
      load_.committed = range.end;
    }
    return {};
  }

 private:
  Load& load_;
  std::uint64_t next_ = 0;
};

class Tracing final : public runtime::Sink {
 public:
  explicit Tracing(Trace& trace) : trace_(trace) {}
  Status write(const Batch& batch, StageContext&) override {
    for (const runtime::Record& record : batch.records) trace_.add(batch.payload(record));
    return {};
  }

 private:
  Trace& trace_;
};

}  // namespace

TEST_CASE("D1 D6 D7 D8 a million batches over 1, 2 and 8 workers give the same output, order and commits",
          "[.load]") {
  std::vector<Load> loads(3);
  const unsigned threads[] = {1, 2, 8};
  for (std::size_t i = 0; i < loads.size(); ++i) {
    Load& load = loads[i];
    Builder b;
    auto numbers = b.receive("in", [&] { return std::make_unique<Counting>(load); });
    auto kept = numbers.filter("not sevens", [](std::string_view p) { return p.front() != '7'; })
                    .map("one to two or none", [](std::string_view p, Emit& emit) {
                      if (p.front() == '3') return;
                      emit.record(p);
                      if (p.front() == '4') emit.record("again");
                    });
    auto arms =
        kept.route("odd", 2, [](std::string_view p) { return static_cast<std::size_t>(p.front() & 1); });
    arms[0].sink("left", [&] { return std::make_unique<Tracing>(load.left); });
    arms[1].sink("right", [&] { return std::make_unique<Tracing>(load.right); });
    b.merge({arms[0], arms[1]}).sink("all", [&] { return std::make_unique<Tracing>(load.all); });
    const Outcome outcome = run(b, options(threads[i]));
    CHECK(message(outcome) == "");
    CHECK(outcome.summary.batches == kBatches);
    CHECK(load.committed == kBatches);
    CHECK(load.commits_ascend);
    CHECK(load.left.records + load.right.records == load.all.records);
    CHECK(load.left == loads[0].left);
    CHECK(load.right == loads[0].right);
    CHECK(load.all == loads[0].all);
  }
  CHECK(loads[0].left.records > kBatches / 10);
  CHECK(loads[0].right.records > kBatches / 10);
}
