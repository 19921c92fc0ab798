// Pressure, hysteresis, budget, and the governor that joins them.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <random>

#include "pipec/runtime/governor.h"
#include "runtime/governor/budget.h"
#include "runtime/governor/pressure.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::runtime;
using namespace pipec::runtime::governor;

namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

PressureSource fixed(const std::string& name, bool hard, double weight, double value) {
  return {name, hard, weight, [value] { return value; }};
}

Budget of_profile(Profile profile) {
  GovernSettings settings;
  settings.profile = profile;
  return Budget(BudgetLimits::of(settings));
}

Round quiet(double seconds = 0.05) {
  Round round;
  round.seconds = seconds;
  return round;
}

Round held(double seconds = 0.05) {
  Round round = quiet(seconds);
  round.hold = true;
  round.slack = false;
  return round;
}

// A queue: `residence` of which `service` is work, and sources that wait to add more.
Round queued(double residence, double service, std::uint64_t bytes = 256 * kKiB) {
  Round round = quiet();
  round.batches = 1;
  round.bytes = bytes;
  round.residence = residence;
  round.service = service;
  round.waited = round.bound = true;
  return round;
}

}  // namespace

TEST_CASE("G5 hard sources count raw, soft ones weighted, and the worst of all is the level") {
  Pressure pressure;
  pressure.add(fixed("memory", true, 0, 0.7));  // a hard source has no weight
  pressure.add(fixed("queue", false, 0.5, 1.0));
  CHECK(pressure.sample() == 0.7);
  CHECK(pressure.worst().name == "memory");
  pressure.add(fixed("lag", false, 7, 0.9));  // clamped to 1
  CHECK(pressure.sample() == 0.9);
  CHECK(pressure.worst().name == "lag");
  CHECK(pressure.readings()[1].level == 0.5);
}

TEST_CASE("G5 no soft source masks a hard one, and NaN counts as nothing") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Pressure pressure;
  pressure.add(fixed("hard", true, 1, 1.4));
  pressure.add(fixed("nan", false, 1, nan));
  pressure.add(fixed("negative", false, 1, -5));
  pressure.add(fixed("weight", false, nan, 1));
  pressure.add(fixed("infinite", false, 0.5, std::numeric_limits<double>::infinity()));
  CHECK(pressure.sample() == 1.4);
  CHECK(pressure.readings()[1].level == 0);
  CHECK(pressure.readings()[2].level == 0);
  CHECK(pressure.readings()[3].level == 0);
  CHECK(pressure.readings()[4].level == 0.5);
  Pressure broken;
  broken.add(fixed("nan", true, 1, nan));
  CHECK(broken.sample() == 0);
}

TEST_CASE("G6 the hold arms at pause_above and is released at resume_below") {
  Hysteresis band(0.80, 0.65);
  CHECK_FALSE(band.update(0.79));
  CHECK(band.update(0.80));
  CHECK(band.update(0.70));
  CHECK(band.update(0.66));
  CHECK_FALSE(band.update(0.65));
  CHECK_FALSE(band.update(0.79));
}

TEST_CASE("G6 an invalid band is an error") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  GovernSettings good;
  CHECK(good.check());
  for (const auto& [pause, resume] :
       {std::pair(0.5, 0.6), {0.5, 0.5}, {nan, 0.5}, {0.5, nan}, {1.1, 0.5}, {0.5, -0.1}}) {
    GovernSettings settings;
    settings.pause_above = pause;
    settings.resume_below = resume;
    INFO(pause << " " << resume);
    CHECK_FALSE(settings.check());
  }
  for (const double wrong : {0.0, 1.0, -1.0, nan, 2.0}) {
    GovernSettings settings;
    settings.md_factor = wrong;
    CHECK_FALSE(settings.check());
    settings = {};
    settings.target_rho = wrong;
    CHECK_FALSE(settings.check());
  }
  GovernSettings settings;
  settings.more_pressure.push_back({"empty", false, 1, nullptr});
  CHECK_FALSE(settings.check());
}

TEST_CASE("G8 the budget starts big, steps up to its ceiling, and caps the records of a receive") {
  struct Wanted {
    Profile profile;
    std::size_t start, ceiling, step, records;
  };
  for (const Wanted& wanted : {Wanted{Profile::throughput, 16 * kMiB, 128 * kMiB, 512 * kKiB, 2000},
                               Wanted{Profile::balanced, 8 * kMiB, 64 * kMiB, 256 * kKiB, 1000},
                               Wanted{Profile::low_latency, 1 * kMiB, 16 * kMiB, 128 * kKiB, 500}}) {
    Budget budget = of_profile(wanted.profile);
    CHECK(budget.bytes() == wanted.start);
    CHECK(budget.records() == wanted.records);
    Round bound = queued(0.001, 0.001);
    budget.round(bound);
    CHECK(budget.bytes() == wanted.start + wanted.step);
    for (int i = 0; i < 1000; ++i) budget.round(bound);
    CHECK(budget.bytes() == wanted.ceiling);
    CHECK(budget.records() == wanted.records);
  }
}

TEST_CASE("G8 a memory hold shrinks at once whatever the other signals, never below one nominal record") {
  Budget budget = of_profile(Profile::balanced);
  Round round = queued(0.001, 0.001);  // all other signals call for growth
  round.hold = true;
  budget.round(round);
  CHECK(budget.bytes() == 4 * kMiB);
  budget.round(held());  // the same hold
  CHECK(budget.bytes() == 4 * kMiB);
  for (int i = 0; i < 20; ++i) budget.round(held());
  CHECK(budget.bytes() == 2 * kMiB);  // it lasted a second
  for (int i = 0; i < 10'000; ++i) budget.round(held());
  CHECK(budget.bytes() == 1 * kKiB);
  CHECK(budget.records() == 1);
}

TEST_CASE("G8 the budget of a quiet pipeline grows back to its start") {
  Budget budget = of_profile(Profile::balanced);
  for (int i = 0; i < 10'000; ++i) budget.round(held());
  for (int i = 0; i < 32; ++i) budget.round(quiet());
  CHECK(budget.bytes() == 8 * kMiB + 1 * kKiB);  // past the start by what is left of a step
  const std::size_t back = budget.bytes();
  for (int i = 0; i < 100; ++i) budget.round(quiet());
  CHECK(budget.bytes() == back);  // and no further: no source needs more
}

TEST_CASE("G8 an overload multiplies by md_factor, once per time that a change needs to take effect") {
  Budget budget = of_profile(Profile::balanced);
  budget.round(queued(1.0, 0.1));  // rho 0.9, twice the goal; but nothing has changed for 0.05 s only
  CHECK(budget.bytes() == 8 * kMiB);
  for (int i = 0; i < 19; ++i) budget.round(queued(1.0, 0.1));
  CHECK(budget.bytes() == 4 * kMiB);
  // It was in the queue for nothing; a queue that works all the time is not shortened.
  Budget busy = of_profile(Profile::balanced);
  for (int i = 0; i < 1000; ++i) busy.round(queued(1.0, 0.9));
  CHECK(busy.bytes() >= 8 * kMiB);
  // The budget does not grow either if no source waits for it.
  Budget idle = of_profile(Profile::balanced);
  for (int i = 0; i < 1000; ++i) {
    Round round = queued(1.0, 0.1);
    round.waited = round.bound = false;
    idle.round(round);
  }
  CHECK(idle.bytes() == 8 * kMiB);
}

TEST_CASE("G8 the budget never falls below what keeps the workers and the pipe full") {
  Budget budget = of_profile(Profile::balanced);
  Round round = queued(3.0, 0.2);
  round.working_set = 3 * kMiB;
  for (int i = 0; i < 1000; ++i) budget.round(round);
  CHECK(budget.bytes() == 3 * kMiB);
  // 20 MiB/s that need 200 ms: twice 4 MiB are needed to keep that up.
  Budget far = of_profile(Profile::throughput);
  for (int i = 0; i < 1000; ++i) far.round(queued(3.0, 0.2, kMiB));
  CHECK(far.bytes() >= 8 * kMiB - kKiB);
}

TEST_CASE("G8 the averages are seeded by the first observation") {
  Budget budget = of_profile(Profile::balanced);
  CHECK(budget.rho() == 0);
  budget.round(queued(2.0, 0.5));
  CHECK(budget.residence() == 2.0);
  CHECK(budget.rho() == 0.75);
}

TEST_CASE("G8 whatever the signals, the budget stays between floor and ceiling") {
  std::mt19937_64 rng(7);
  Budget budget = of_profile(Profile::balanced);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double odd[] = {0, 1e-9, 0.05, 1, 1e9, nan, std::numeric_limits<double>::infinity(), -1};
  for (int i = 0; i < 200'000; ++i) {
    Round round;
    round.seconds = odd[rng() % 3];
    round.hold = rng() % 4 == 0;
    round.slack = rng() % 2 == 0;
    round.batches = rng() % 3;
    round.bytes = rng() % (64 * kMiB);
    round.residence = odd[rng() % 8];
    round.service = odd[rng() % 8];
    round.waited = rng() % 2 == 0;
    round.bound = rng() % 2 == 0;
    round.used = rng() % (64 * kMiB);
    round.working_set = rng() % (128 * kMiB);
    budget.round(round);
    REQUIRE(budget.bytes() >= 1 * kKiB);
    REQUIRE(budget.bytes() <= 64 * kMiB);
    REQUIRE(budget.records() >= 1);
    REQUIRE(budget.records() <= 1000);
  }
}

namespace {

// A governor in a group of 100 MiB, of which the test says how much is used.
struct Governed {
  explicit Governed(GovernSettings settings = {}) {
    write("proc/self/cgroup", "0::/a\n");
    write("sys/fs/cgroup/a/memory.max", "104857600\n");
    use(0);
    governor = std::make_unique<Governor>(std::move(settings), 64 * kMiB, directory.path());
    governor->keep_release([this] {
      ++released;
      if (on_release) on_release();
    });
  }
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = std::filesystem::path(directory.path()) / path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  void use(double level) {  // of the limit with headroom
    write("sys/fs/cgroup/a/memory.current",
          std::to_string(static_cast<std::size_t>(level * 85 * kMiB)) + "\n");
  }
  Governor::Decision tick(std::size_t in_flight = 1) {
    seen.now += 0.05;
    seen.in_flight = in_flight;
    return governor->tick(seen);
  }
  void resident(double level) {
    const auto pages =
        static_cast<std::size_t>(level * 85 * kMiB) / static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    write("proc/self/statm", "90000 " + std::to_string(pages) + " 300 5 0 123 0\n");
  }
  std::size_t released = 0;
  std::function<void()> on_release;
  pipec::test::TempDir directory;
  std::unique_ptr<Governor> governor;
  Governor::Seen seen;
};

}  // namespace

TEST_CASE("G7 each edge of the hold is reported once, with its reason") {
  Governed g;
  CHECK_FALSE(g.tick().edge);
  g.use(0.9);
  Governor::Decision decision = g.tick();
  CHECK(decision.held);
  CHECK(decision.edge);
  CHECK(decision.reason == "pressure 0.90 (cgroup, 76.5 MiB of 100.0 MiB)");
  CHECK(g.released == 1);  // the allocator's memory is returned before a source is held
  for (int i = 0; i < 5; ++i) {
    decision = g.tick();
    CHECK(decision.held);
    CHECK_FALSE(decision.edge);
  }
  g.use(0.1);
  decision = g.tick();
  CHECK_FALSE(decision.held);
  CHECK(decision.edge);
  CHECK(decision.reason == "pressure 0.10 (cgroup, 8.5 MiB of 100.0 MiB), after 0.3 s");
  CHECK_FALSE(g.tick().edge);
}

TEST_CASE("G7 a hold caused by other memory lets a little through, at growing intervals") {
  Governed g;
  g.use(0.9);
  std::vector<double> resumed;
  for (int i = 0; i < 20 * 200; ++i) {
    const Governor::Decision decision = g.tick(0);
    if (decision.edge && !decision.held) resumed.push_back(g.seen.now);
  }
  REQUIRE(resumed.size() >= 5);
  CHECK(resumed[0] < 1.5);
  for (std::size_t i = 2; i < resumed.size(); ++i) {
    const double before = resumed[i - 1] - resumed[i - 2];
    CHECK(resumed[i] - resumed[i - 1] > std::min(7.9, 1.5 * before - 0.5));
    CHECK(resumed[i] - resumed[i - 1] < 8.5);
  }
  // Little passes.
  CHECK(g.tick(0).budget <= 4 * kKiB);
  // While something is in flight it may yet drain.
  Governed busy;
  busy.use(0.9);
  busy.tick();
  for (int i = 0; i < 20 * 200; ++i) CHECK_FALSE(busy.tick(1).edge);
}

TEST_CASE("G12 memory that the allocator keeps is returned before a source is held") {
  Governed g;
  g.resident(0.9);
  g.on_release = [&] { g.resident(0.3); };
  const Governor::Decision decision = g.tick();
  CHECK_FALSE(decision.held);
  CHECK_FALSE(decision.edge);
  CHECK(g.released == 1);
}

TEST_CASE("G12 a hold of the process's own memory ends when nothing is in flight") {
  for (const double level : {0.7, 0.85, 0.9, 0.94}) {
    INFO(level);
    Governed g;
    g.resident(0.97);
    CHECK(g.tick(3).held);
    g.resident(level);  // drained; this much stays
    Governor::Decision decision = g.tick(0);
    CHECK_FALSE(decision.held);
    CHECK(decision.edge);
    // The free memory above it is used, and the sources are held before it runs out.
    for (int i = 0; i < 100; ++i) CHECK_FALSE(g.tick(1).held);
    g.resident(1);
    CHECK(g.tick(3).held);
    g.resident(0.1);
    CHECK_FALSE(g.tick(0).held);
    g.resident(0.81);  // the band is where it was
    CHECK(g.tick(3).held);
  }
}

TEST_CASE("G12 a hold ends for a while even if the process is above its limit") {
  Governed g;
  g.resident(1.2);
  CHECK(g.tick(1).held);
  std::size_t resumed = 0;
  for (int i = 0; i < 20 * 10; ++i) {
    const Governor::Decision decision = g.tick(0);
    if (decision.edge && !decision.held) ++resumed;
  }
  CHECK(resumed >= 5);  // in ten seconds
}

TEST_CASE("G7 a source whose own queue presses is drained, not held") {
  Governed g;
  g.seen.tracked = std::size_t{1} << 40;
  g.seen.queued = g.seen.tracked;
  Governor::Decision decision = g.tick(1);
  CHECK(decision.held);
  CHECK_FALSE(decision.drain);  // draining the batches in flight may be enough
  decision = g.tick(0);
  CHECK(decision.held);
  CHECK(decision.drain);
  const std::size_t budget = decision.budget;
  for (int i = 0; i < 10; ++i) {
    decision = g.tick(1);
    CHECK(decision.drain);
    CHECK(decision.budget == budget);
  }
  g.seen.queued = 0;
  CHECK_FALSE(g.tick(1).drain);
}

TEST_CASE(
    "G12 pipelines that share a limit keep to the smallest, count each other's bytes and divide the budget") {
  Governed root;
  const auto shared = std::make_shared<pipec::runtime::SharedGovernor>(0, root.directory.path());
  GovernSettings settings;
  settings.memory = 80 * kMiB;
  Governor one(settings, 64 * kMiB, shared, {0, 2, 1, 3});
  CHECK(one.limit() == 68 * kMiB);
  settings.memory = 40 * kMiB;
  settings.profile = Profile::low_latency;
  Governor two(settings, 64 * kMiB, shared, {0, 4, 2, 1});
  const auto off = shared->join({});
  CHECK(one.initial().budget == 40 * kMiB / 4 / 3);
  CHECK(two.initial().budget == 1 * kMiB);  // its profile's own
  CHECK(one.limit() == 34 * kMiB);
  CHECK(two.limit() == 34 * kMiB);
  CHECK(one.shape().sinks == 5);
  CHECK(one.shape().receivers == 4);

  CHECK_FALSE(one.tick({.now = 0, .tracked = 10 * kMiB, .in_flight = 1}).held);
  CHECK_FALSE(two.tick({.now = 0, .tracked = 10 * kMiB, .in_flight = 1}).held);
  CHECK_FALSE(one.too_much(17 * kMiB));  // with the other's 10 below 27.2
  CHECK(two.too_much(18 * kMiB));
  off->tracked = 10 * kMiB;  // govern off: never held, but it counts
  CHECK(two.tick({.now = 1, .tracked = 10 * kMiB, .in_flight = 1}).held);
  off->tracked = 0;
  two.leave();
  CHECK_FALSE(one.tick({.now = 2, .tracked = 10 * kMiB, .in_flight = 1}).held);
  CHECK(one.limit() == 68 * kMiB);
}

TEST_CASE("G5 a source of the embedding program holds the intake like any other") {
  double lag = 0;
  GovernSettings settings;
  settings.more_pressure.push_back({"lag", false, 0.9, [&lag] { return lag; }});
  Governed g(settings);
  CHECK_FALSE(g.tick().held);
  lag = 1;
  const Governor::Decision decision = g.tick();
  CHECK(decision.held);
  CHECK(decision.reason == "pressure 0.90 (lag)");
  lag = 0.1;
  CHECK_FALSE(g.tick().held);
}

TEST_CASE("G8 no more is in flight at the start than a quarter of the limit") {
  Governed g;  // 100 MiB
  CHECK(g.governor->initial().budget == 8 * kMiB);
  g.write("sys/fs/cgroup/a/memory.max", "8388608\n");
  CHECK(Governor({}, 64 * kMiB, g.directory.path()).initial().budget == 2 * kMiB);
  CHECK(Governor({}, 1, g.directory.path()).initial().budget == 1);
}

TEST_CASE("G8 the cap on records counts once the budget has shrunk, for low latency always") {
  Governed g;
  CHECK(g.governor->initial().records == 0);
  g.use(0.9);
  CHECK(g.tick().records == 500);
  GovernSettings settings;
  settings.profile = Profile::low_latency;
  CHECK(Governed(settings).governor->initial().records == 500);
}

TEST_CASE("G4 bytes that fill the limit between two ticks are seen without one") {
  Governed g;
  CHECK_FALSE(g.governor->too_much(67 * kMiB));
  CHECK(g.governor->too_much(68 * kMiB));
}
