// Which positions may be committed, compared with a model.
#include <cstdlib>
#include <random>
#include <string>

#include "stdlib/connectors/kafka/tracker.h"
#include "support/catch.h"

using pipec::runtime::PositionRange;
using pipec::stdlib::kafka::Tracker;

TEST_CASE("K3 completions of an old epoch are never committed") {
  Tracker tracker;
  const std::uint32_t id = tracker.id("t", 3);
  tracker.assign(id);
  const std::uint32_t first = tracker.at(id).epoch;
  tracker.hand(id, 10);
  CHECK_FALSE(tracker.settled(id));
  tracker.begin_revoke(id);
  const PositionRange range{id, first, 0, 10};
  REQUIRE(tracker.due({&range, 1}).size() == 1);  // being revoked: completed records may still be committed
  tracker.drop(id);
  CHECK(tracker.due({&range, 1}).empty());
  tracker.assign(id);
  CHECK(tracker.at(id).epoch != first);
  CHECK(tracker.due({&range, 1}).empty());
  CHECK(tracker.any_dead({&range, 1}));
}

TEST_CASE("K3 positions that were lost before their commit are known, revoked or committed ones are not") {
  Tracker tracker;
  const std::uint32_t id = tracker.id("t", 3);
  tracker.assign(id);
  tracker.hand(id, 10);
  const PositionRange range{id, tracker.at(id).epoch, 0, 10};
  CHECK_FALSE(tracker.any_lost({&range, 1}));
  SECTION("lost") {
    tracker.drop(id, true);
    CHECK(tracker.any_lost({&range, 1}));
    tracker.assign(id);
    CHECK(tracker.any_lost({&range, 1}));
    const PositionRange again{id, tracker.at(id).epoch, 0, 10};
    CHECK_FALSE(tracker.any_lost({&again, 1}));
  }
  SECTION("revoked") {
    tracker.drop(id);
    CHECK_FALSE(tracker.any_lost({&range, 1}));
  }
  SECTION("lost when all of it was committed") {
    tracker.committed(tracker.due({&range, 1}).front());
    tracker.drop(id, true);
    CHECK_FALSE(tracker.any_lost({&range, 1}));
  }
}

TEST_CASE("K2 positions never go back within an epoch") {
  Tracker tracker;
  const std::uint32_t id = tracker.id("t", 0);
  tracker.assign(id);
  const std::uint32_t epoch = tracker.at(id).epoch;
  tracker.hand(id, 100);
  const PositionRange far{id, epoch, 0, 100};
  const PositionRange near{id, epoch, 0, 50};
  tracker.committed(tracker.due({&far, 1}).front());
  CHECK(tracker.due({&near, 1}).empty());
  CHECK(tracker.due({&far, 1}).empty());
  CHECK(tracker.settled(id));
}

TEST_CASE("K3 random assignments, revocations and late acknowledgements: only owned partitions, never back") {
  const char* given = std::getenv("PIPEC_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : 17;
  INFO("PIPEC_SEED=" << seed);
  std::mt19937 random(seed);
  Tracker tracker;
  struct Model {
    bool owned = false;
    std::uint32_t epoch = 0;
    std::uint64_t next = 0, committed = 0;
  };
  std::vector<Model> model(5);
  std::vector<PositionRange> late;
  for (std::uint32_t i = 0; i < model.size(); ++i) REQUIRE(tracker.id("t", static_cast<int>(i)) == i);
  for (int step = 0; step < 20'000; ++step) {
    const auto id = static_cast<std::uint32_t>(random() % model.size());
    Model& own = model[id];
    switch (random() % 5) {
      case 0:
        if (own.owned) break;
        tracker.assign(id);
        own = {true, tracker.at(id).epoch, random() % 1000, 0};
        break;
      case 1:
        if (!own.owned) break;
        if (random() % 2) tracker.begin_revoke(id);
        if (random() % 3 == 0) {
          tracker.drop(id);
          own.owned = false;
        }
        break;
      case 2: {
        if (!own.owned || tracker.at(id).state != Tracker::State::owned) break;
        const std::uint64_t end = own.next + 1 + random() % 20;  // with gaps
        late.push_back({id, own.epoch, own.next, end});
        own.next = end;
        tracker.hand(id, end);
        break;
      }
      default: {
        if (late.empty()) break;
        const std::size_t which = random() % late.size();
        const PositionRange range = late[which];
        late.erase(late.begin() + static_cast<std::ptrdiff_t>(which));
        for (const Tracker::Position& position : tracker.due({&range, 1})) {
          Model& of = model[position.id];
          REQUIRE(of.owned);
          REQUIRE(of.epoch == position.epoch);
          REQUIRE(position.offset > of.committed);
          of.committed = position.offset;
          tracker.committed(position);
        }
      }
    }
  }
}
