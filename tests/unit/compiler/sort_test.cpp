// sort: by the values of a key, stable, with or without a limit.
#include <algorithm>
#include <random>
#include <string>

#include "support/catch.h"
#include "unit/compiler/stage_run.h"

using namespace pipec;
using namespace pipec::compiler::test;
using namespace pipec::runtime;

namespace {

Lines sorted(const std::string& text, const Lines& records) {
  StageRun run(text);
  INFO(run.problem);
  REQUIRE(run.problem.empty());
  CHECK(run.batch(records).empty());
  return run.finish();
}

}  // namespace

TEST_CASE("sort orders types as jq does, and numbers by their exact values") {
  const Lines values = {"null",
                        "false",
                        "true",
                        "-1e400",
                        "-9223372036854775808",
                        "-2.5",
                        "-0.0",
                        "1e-400",
                        "0.1",
                        "1",
                        "1.5",
                        "9007199254740992",
                        "9007199254740993",
                        "9007199254740994.0",
                        "9223372036854775806",
                        "9223372036854775807",
                        "18446744073709551616",
                        "1e400",
                        R"("")",
                        R"("\u0000")",
                        R"("a")",
                        R"("a\u0000")",
                        R"("a\u0000b")",
                        R"("ab")",
                        R"("é")",
                        "[]",
                        "[null]",
                        "[1]",
                        "[1,null]",
                        "[2]",
                        "[[]]",
                        "{}",
                        R"({"a":2})",
                        R"({"a":1,"b":1})",
                        R"({"b":1,"a":2})",
                        R"({"b":0})"};
  Lines records;
  for (const std::string& value : values) records.push_back("{\"v\":" + value + "}");
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    Lines shuffled = records;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    CHECK(sorted("sort(.v)", shuffled) == records);
  }
  std::reverse(records.begin(), records.end());
  CHECK(sorted("sort(.v, order: desc)", records) == records);
}

TEST_CASE("S1, S2 sort is stable, whatever the limit, batches and restarts") {
  std::mt19937 random(20261204);
  const auto number = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  for (int round = 0; round < 60; ++round) {
    const bool descending = number(2) == 0;
    const std::size_t limit = number(2) == 0 ? 1000 : 1 + static_cast<std::size_t>(number(20));
    std::vector<std::pair<int, std::string>> model;
    std::vector<Lines> batches;
    for (int i = 0; i < 20; ++i) {
      batches.emplace_back();
      for (int j = number(8); j > 0; --j) {
        const int key = number(10);
        batches.back().push_back("{\"k\":" + std::to_string(key) + (number(2) == 0 ? ".0" : "") +
                                 ",\"n\":" + std::to_string(model.size()) + "}");
        model.emplace_back(descending ? -key : key, batches.back().back());
      }
    }
    std::ranges::stable_sort(model, {}, [](const auto& each) { return each.first; });
    model.resize(std::min(model.size(), limit));
    Lines expected;
    for (const auto& each : model) expected.push_back(each.second);
    const std::string text = std::string("sort(.k, order: ") + (descending ? "desc" : "asc") +
                             ", limit: " + std::to_string(limit) + ")";
    INFO(text);
    StageRun together(text);
    CHECK(together.batches(batches).empty());
    CHECK(together.finish() == expected);
    CHECK(together.save().empty());
    auto run = std::make_unique<StageRun>(text);
    for (const Lines& batch : batches) {
      run->batch(batch);
      const auto saved = run->save();
      if (!saved.empty()) CHECK(saved.begin()->second.size() <= limit);
      if (number(3) != 0) continue;
      run = std::make_unique<StageRun>(text);
      run->open(saved);
      REQUIRE(run->error == "");
    }
    CHECK(run->finish() == expected);
  }
}

TEST_CASE("sort dead-letters a record whose key fails, and checks its options") {
  StageRun run("sort(.k + 1)");
  run.batch({R"({"k":2})", R"({"k":"x"})", "nonsense", R"({"k":1})"});
  CHECK(run.finish() == Lines{R"({"k":1})", R"({"k":2})"});
  CHECK(run.dead.size() == 2);
  CHECK(StageRun("sort(.k, limit: 0)").problem.find("'limit' is at least 1") != std::string::npos);
  CHECK(StageRun("sort(.k, order: down)").problem.find("it is asc or desc") != std::string::npos);
}

TEST_CASE("damaged state of sort is refused or read, never more") {
  std::mt19937 random(2);
  StageRun first("sort(.k)");
  first.batch({R"({"k":2})", R"({"k":1})"});
  const auto saved = first.save();
  for (int i = 0; i < 500; ++i) {
    auto broken = saved;
    StateEntries& entries = broken.begin()->second;
    StateEntry& entry = entries[random() % entries.size()];
    std::string& part = random() % 3 == 0 ? entry.key : entry.value;
    if (random() % 4 == 0) {
      part.resize(random() % (part.size() + 1));
    } else {
      part[random() % part.size()] = static_cast<char>(random());
    }
    StageRun second("sort(.k)");
    second.open(broken);
    if (second.error.empty()) second.finish();
    if (!second.error.empty()) CHECK(second.error == "sort: its saved state is damaged");
  }
}
