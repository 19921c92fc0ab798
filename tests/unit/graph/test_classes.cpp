// The plain classes one by one, for cases that are clearer alone than in a random schedule.
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include <unistd.h>

#include "graph/cpus.h"
#include "graph/state/byte_limiter.h"
#include "graph/state/commit_barrier.h"
#include "graph/state/retry.h"
#include "graph/state/sequencer.h"
#include "graph/topology.h"
#include "support/catch.h"
#include "unit/graph/fixture.h"

using namespace pipec;
using namespace pipec::test;
using namespace pipec::graph;

TEST_CASE("G4 the limiter admits in order, an oversize unit alone, and follows its limit") {
  ByteLimiter limiter(100, 10);
  const auto a = limiter.request(60), b = limiter.request(500), c = limiter.request(10);
  CHECK(limiter.try_admit(a));
  CHECK_FALSE(limiter.try_admit(b));  // not alone
  CHECK_FALSE(limiter.try_admit(c));  // fits, but it is not its turn
  limiter.release(60);
  CHECK(limiter.try_admit(b));
  CHECK(limiter.used_bytes() == 500);
  CHECK_FALSE(limiter.try_admit(c));
  limiter.correct(500, 95);
  CHECK_FALSE(limiter.try_admit(c));
  limiter.set_limit(105);
  CHECK(limiter.try_admit(c));
  limiter.release(95);
  limiter.release(10);
  CHECK(limiter.used_bytes() == 0);
  CHECK(limiter.used_units() == 0);
}

TEST_CASE("G4 many small units are bounded by their number") {
  ByteLimiter limiter(100, 2);
  CHECK(limiter.try_admit(limiter.request(1)));
  CHECK(limiter.try_admit(limiter.request(1)));
  const auto third = limiter.request(1);
  CHECK_FALSE(limiter.try_admit(third));
  limiter.release(1);
  CHECK(limiter.try_admit(third));
}

TEST_CASE("D6 the barrier commits the contiguous prefix, at commit points only, one at a time") {
  CommitBarrier barrier;
  const auto admit = [&](std::uint64_t n, bool point) {
    const runtime::PositionRange range{0, 0, n * 10, n * 10 + 10};
    barrier.admit(n, 0, {&range, 1}, point);
  };
  for (std::uint64_t n = 0; n < 6; ++n) admit(n, n % 2 == 1);
  barrier.done(1, {{"k", "1"}});
  CHECK_FALSE(barrier.ready());
  barrier.done(0);
  barrier.done(2);
  std::optional<Commit> commit = barrier.take();
  REQUIRE(commit);
  REQUIRE(commit->sources.size() == 1);
  CHECK(commit->sources[0].ranges[0].end == 20);  // 2 is done, but no commit point
  CHECK(commit->entries.size() == 1);
  barrier.done(3, {{"k", "3"}});
  CHECK_FALSE(barrier.take());  // one in flight
  barrier.committed();
  barrier.fail(4);
  barrier.done(5);
  commit = barrier.take();
  REQUIRE(commit);
  CHECK(commit->sources[0].ranges[0].first == 20);
  CHECK(commit->sources[0].ranges[0].end == 40);
  barrier.committed();
  CHECK_FALSE(barrier.take());  // 5 follows the failed one
  CHECK(barrier.outstanding() == 0);
}

TEST_CASE("D7 the barrier keeps sources, partitions and epochs apart") {
  CommitBarrier barrier;
  const runtime::PositionRange a[] = {{0, 0, 0, 5}, {1, 0, 100, 105}};
  const runtime::PositionRange b[] = {{1, 0, 110, 115}, {1, 1, 105, 108}};
  barrier.admit(0, 0, a, false);
  barrier.admit(1, 1, a, false);
  barrier.admit(2, 0, b, true);
  for (const std::uint64_t n : {2, 1, 0}) barrier.done(n);
  const std::optional<Commit> commit = barrier.take();
  REQUIRE(commit);
  REQUIRE(commit->sources.size() == 2);
  REQUIRE(commit->sources[0].ranges.size() == 3);
  CHECK(commit->sources[0].ranges[1].end == 115);  // gaps do not matter: positions are the source's
  CHECK(commit->sources[0].ranges[2].epoch == 1);
  CHECK(commit->sources[1].ranges.size() == 2);
}

TEST_CASE("D7 the barrier keeps one range for each partition and epoch, in whatever order they come") {
  CommitBarrier barrier;
  std::mt19937 random(5);
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::pair<std::uint64_t, std::uint64_t>> expected;
  std::uint64_t sequence = 0;
  for (int i = 0; i < 2000; ++i) {
    const runtime::PositionRange range{static_cast<std::uint32_t>(random() % 50),
                                       static_cast<std::uint32_t>(random() % 3), 10 * sequence,
                                       10 * sequence + 5};
    const auto [at, is_new] =
        expected.try_emplace({range.partition, range.epoch}, std::pair(range.first, range.end));
    if (!is_new) at->second.second = range.end;
    barrier.admit(sequence, 0, {&range, 1}, i == 1999 || random() % 10 == 0);
    barrier.done(sequence++);
  }
  const std::optional<Commit> commit = barrier.take();
  REQUIRE(commit);
  REQUIRE(commit->sources.size() == 1);
  REQUIRE(commit->sources[0].ranges.size() == expected.size());
  auto known = expected.begin();
  for (const runtime::PositionRange& range : commit->sources[0].ranges) {
    CHECK(std::pair(range.partition, range.epoch) == known->first);
    CHECK(std::pair(range.first, range.end) == known->second);
    ++known;
  }
}

TEST_CASE("D14 the backoff doubles up to its longest wait, for as many attempts as it has") {
  using std::chrono::milliseconds;
  Backoff backoff({4, milliseconds(100), milliseconds(300)});
  std::vector<milliseconds> waits;
  while (const auto wait = backoff.next()) waits.push_back(*wait);
  CHECK(waits == std::vector<milliseconds>{milliseconds(100), milliseconds(200), milliseconds(300),
                                           milliseconds(300)});
  backoff.reset();
  CHECK(*backoff.next() == milliseconds(100));
}

TEST_CASE("Workers: the CPU quota of cgroup v1 and v2, over all parents") {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / ("pipec_cpus_" + std::to_string(getpid()));
  const auto write = [&](const std::string& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text << "\n";
  };
  CHECK(quota_cpus(root.string()) == 0);
  write("proc/self/cgroup", "0::/a/b");
  CHECK(quota_cpus(root.string()) == 0);
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000");
  CHECK(quota_cpus(root.string()) == 0);
  write("sys/fs/cgroup/a/cpu.max", "150000 100000");
  CHECK(quota_cpus(root.string()) == 2);
  write("sys/fs/cgroup/a/b/cpu.max", "50000 100000");
  CHECK(quota_cpus(root.string()) == 1);
  write("proc/self/cgroup", "4:cpu,cpuacct:/x\n0::/");
  write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000");
  CHECK(quota_cpus(root.string()) == 0);
  write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "400000");
  CHECK(quota_cpus(root.string()) == 4);
  write("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "0");
  CHECK(quota_cpus(root.string()) == 0);
  CHECK(usable_cpus() >= 1);
  fs::remove_all(root);
}

TEST_CASE("A plan that cannot run is refused with the reason") {
  const auto in = receiver(source_of({}));
  const auto out = sink(std::make_shared<SinkScript>());
  const auto reason = [](const Plan& plan) {
    auto made = Pipeline::make(plan, RunOptions{});
    return made ? std::string("ok") : made.error().message;
  };
  CHECK(reason(Plan{}) == "the plan has no source");
  {
    Builder b;
    b.receive("in", in);
    CHECK(reason(b.plan()) == "the branch has no end: a sink or drop is missing");
  }
  {
    Builder b;
    b.receive("in", in).sink("out", out);
    Plan plan = b.plan();
    CHECK(reason(plan) == "ok");
    plan.nodes[0].next.push_back(7);
    CHECK(reason(plan) == "an edge leads to a node that does not exist");
    plan.nodes[0].next = {0};
    CHECK(reason(plan) == "an edge leads into a source");
  }
  {
    Builder b;
    auto s = b.receive("in", in);
    s.sink("out", out);
    s.sink("out", out);
    CHECK(reason(b.plan()) == "two nodes have the state key 'out'");
    Plan plan = b.plan();
    plan.nodes[2].state_key = "other";
    plan.commit = CommitMode::sink;
    CHECK(reason(plan) == "'commit sink' needs exactly one sink, found 2");
  }
  {
    Builder b;
    auto s = b.receive("in", in).filter("f", [](std::string_view) { return true; });
    s.filter("g", [](std::string_view) { return true; }).sink("out", out);
    Plan plan = b.plan();
    plan.nodes[2].next.push_back(1);
    CHECK(reason(plan) == "the plan has a loop");
  }
}
