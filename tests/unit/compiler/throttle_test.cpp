// throttle: at most so many records of each key in a period.
#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "support/catch.h"
#include "unit/compiler/stage_run.h"

using namespace pipec;
using namespace pipec::compiler::test;
using namespace pipec::runtime;

namespace {

// throttle in the plainest way: a count for each period and key, all of them kept.
class Model {
 public:
  Model(int limit, int per) : limit_(limit), per_(per) {}
  bool passes(int key, int time) {
    const int period = time / per_;
    if (period > now_) {
      before_ = now_;
      now_ = period;
    } else if (period < now_) {
      before_ = std::max(before_, period);
    }
    return ++counts_[{std::max(period, before_), key}] <= limit_;
  }

 private:
  const int limit_;
  const int per_;
  int now_ = -1;
  int before_ = -1;
  std::map<std::pair<int, int>, int> counts_;
};

}  // namespace

TEST_CASE("S1, S2 throttle agrees with a simple model, whatever the batches, threads and restarts") {
  std::mt19937 random(20261202);
  const auto number = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  for (int round = 0; round < 60; ++round) {
    const int limit = 1 + number(4);
    const int per = 1 + number(30);
    const bool keyed = number(3) != 0;
    const std::string text = "throttle(" + std::to_string(limit) + ", per: " + std::to_string(per) +
                             "s, at: from_unix(.t), else: drop" + (keyed ? ", key: .k)" : ")");
    INFO(text);
    Model model(limit, per);
    std::vector<Lines> batches;
    Lines expected;
    int time = 1000;
    for (int i = 0; i < 30; ++i) {
      batches.emplace_back();
      for (int j = number(9); j > 0; --j) {
        time += number(4);
        const int at = time - (number(5) == 0 ? number(80) : 0);
        const int key = number(4);
        batches.back().push_back("{\"k\":" + std::to_string(key) + ",\"t\":" + std::to_string(at) + "}");
        if (model.passes(keyed ? key : 0, at)) expected.push_back(batches.back().back());
      }
    }
    StageRun together(text);
    REQUIRE(together.problem == "");
    CHECK(together.batches(batches) == expected);

    Lines restarted;
    auto run = std::make_unique<StageRun>(text);
    for (const Lines& batch : batches) {
      for (std::string& line : run->batch(batch)) restarted.push_back(std::move(line));
      const auto saved = run->save();
      if (number(3) != 0) continue;
      run = std::make_unique<StageRun>(text);
      run->open(saved);
      REQUIRE(run->error == "");
    }
    CHECK(restarted == expected);
  }
}

TEST_CASE("throttle dead-letters what is beyond the limit, and what has no time or key") {
  StageRun run("throttle(1, per: 1m, key: .k + 1, at: .t, else: dlq)");
  CHECK(run.batch({R"({"k":1,"t":"2026-01-02T10:00:00Z"})", R"({"k":1.0,"t":"2026-01-02T10:00:59Z"})",
                   R"({"k":1,"t":5})", R"({"k":"x","t":"2026-01-02T10:00:59Z"})",
                   R"({"k":1,"t":"1969-12-31T23:59:30Z"})"}) ==
        Lines{R"({"k":1,"t":"2026-01-02T10:00:00Z"})", R"({"k":1,"t":"1969-12-31T23:59:30Z"})"});
  REQUIRE(run.dead.size() == 3);
  CHECK(run.dead[0].second == "throttle: 'at' is a timestamp or an RFC 3339 string, got int");
  CHECK(run.dead[2].second == "throttle: more than 1 in a period");
  CHECK(run.filtered == 0);
}

TEST_CASE("throttle checks its options") {
  const auto problem = [](const std::string& text) { return StageRun(text).problem; };
  CHECK(problem("throttle(1)").find("throttle needs 'else'") != std::string::npos);
  CHECK(problem("throttle(0, else: drop)").find("'n' is at least 1") != std::string::npos);
  CHECK(problem("throttle(1, per: 0s, else: drop)").find("'per' is more than 0") != std::string::npos);
  CHECK(problem("throttle(1, else: dpl)").find("it is drop or dlq") != std::string::npos);
}

TEST_CASE("a snapshot of throttle forgets old periods, and damaged ones are refused") {
  const std::string text = "throttle(2, per: 1s, key: .k, at: from_unix(.t), else: drop)";
  StageRun run(text);
  for (int i = 0; i < 50; ++i) {
    run.batch({"{\"k\":1,\"t\":" + std::to_string(i) + "}", "{\"k\":2,\"t\":" + std::to_string(i) + "}"});
    run.save();
  }
  const auto saved = run.save();
  CHECK(saved.begin()->second.size() == 5);  // two keys in two periods, the secret
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    auto broken = saved;
    StateEntries& entries = broken.begin()->second;
    StateEntry& entry = entries[random() % entries.size()];
    std::string& part = random() % 3 == 0 ? entry.key : entry.value;
    if (random() % 4 == 0) {
      part.resize(random() % (part.size() + 1));
    } else {
      part[random() % part.size()] = static_cast<char>(random());
    }
    StageRun second(text);
    second.open(broken);
    if (second.error.empty()) second.batch({R"({"k":1,"t":60})"});
    if (!second.error.empty()) CHECK(second.error == "throttle: its saved state is damaged");
  }
}
