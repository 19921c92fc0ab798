// The memory limit of evaluating one record.
#include <atomic>
#include <thread>
#include <vector>

#include "pipec/runtime/arena.h"
#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

constexpr std::size_t kKiB = 1024;
constexpr ArenaBounds kBounds{64 * kKiB, 512 * kKiB};

// A context that bounds evaluation.
class Bounded final : public StageContext {
 public:
  std::vector<std::string> reasons;
  ArenaBounds evaluation_bounds() const override { return kBounds; }
  void dead_letter(const Record&, std::string_view reason, const Place*) override {
    reasons.emplace_back(reason);
  }
  void count_filtered(std::uint64_t) override {}
  void count_errors(std::uint64_t) override {}
};

std::string record_of(std::size_t bytes) {
  return R"({"s":")" + std::string(bytes, 'x') + R"("})";
}

// .s repeated `times` times.
Expression repeated(Build& b, std::size_t times) {
  std::vector<Expression> parts;
  for (std::size_t i = 0; i < times; ++i) parts.push_back(b.field(".s"));
  return b.interpolate(std::move(parts));
}

}  // namespace

TEST_CASE("G10 an arena refuses allocations beyond its bound, and keeps earlier ones") {
  Arena arena;
  arena.bound(kBounds);
  char* first = arena.allocate(100 * kKiB);
  first[0] = 'a';
  CHECK(arena.exceeds());
  CHECK_THROWS_AS(arena.allocate(600 * kKiB), ArenaFull);
  CHECK(first[0] == 'a');
  arena.reset();
  CHECK_FALSE(arena.exceeds());
  CHECK(arena.used() == 0);
  arena.allocate(10 * kKiB);
  CHECK_FALSE(arena.exceeds());
}

TEST_CASE("G10 only one arena of the process at a time may exceed its share") {
  std::atomic<int> large{0};
  std::atomic<bool> together{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Arena arena;
      arena.bound(kBounds);
      for (int i = 0; i < 200; ++i) {
        arena.allocate(20 * kKiB);
        arena.allocate(100 * kKiB);
        if (++large != 1) together = true;
        std::this_thread::yield();
        --large;
        arena.reset();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(together);
}

TEST_CASE("G10 a record that takes too much memory to evaluate is a dead letter, and the others continue") {
  for (const bool filter : {false, true}) {
    INFO(filter);
    Build b;
    std::shared_ptr<const Stage> stage;
    if (filter) {
      FilterOptions options;
      options.condition = b.program(b.op(Op::not_equal, repeated(b, 10), b.string("x")));
      stage = make_filter(options);
    } else {
      TransformOptions options;
      std::vector<Statement> body;
      body.push_back(b.set(".t", repeated(b, 10)));
      options.program = b.transform(std::move(body));
      stage = make_transform(std::move(options));
    }
    BufferPool pool;
    Batch batch(block_of({record_of(10), record_of(90 * kKiB), record_of(20), record_of(20 * kKiB)}, pool),
                pool);
    Bounded context;
    const std::unique_ptr<Scratch> scratch = stage->make_scratch();
    REQUIRE(stage->process(batch, scratch.get(), context).ok());
    CHECK(batch.records.size() == 3);
    REQUIRE(context.reasons.size() == 1);
    CHECK(context.reasons[0].find("takes more than 512 KiB of memory to evaluate") != std::string::npos);
  }
}
