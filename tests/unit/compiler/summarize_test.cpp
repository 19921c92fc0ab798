// summarize: groups, aggregates, windows.
#include <cmath>
#include <random>
#include <string>

#include "support/catch.h"
#include "unit/compiler/stage_run.h"

using namespace pipec;
using namespace pipec::compiler::test;
using namespace pipec::runtime;

namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string problem(const std::string& text) {
  return StageRun(text).problem;
}

Lines summarized(const std::string& text, const Lines& records) {
  StageRun run(text);
  INFO(run.problem);
  REQUIRE(run.problem.empty());
  Lines result = run.batch(records);
  for (std::string& line : run.finish()) result.push_back(std::move(line));
  CHECK(run.error == "");
  return result;
}

const std::string kAll =
    "{ n = count(); t = count(.v > 3); s = sum(.v); a = avg(.v); d = stddev(.v); lo = min(.v); hi = max(.v); "
    "f = first(.v); l = last(.v); u = distinct(.v); q = quantile(.v, 0.9); m = median(.v); "
    "c = collect(.v, limit: 5); cd = collect_distinct(.v, limit: 3); top = top(.v, 2) }";

}  // namespace

TEST_CASE("groups leave by first appearance, their keys as they first came") {
  CHECK(
      summarized("summarize(by: [.a, .b.c]) { n = count() }",
                 {R"({"a":1,"b":{"c":"x"}})", R"({"a":null})", R"({"a":1.0,"b":{"c":"\u0078"}})", R"({})",
                  R"({"a":{"k":[1]},"b":{"c":true}})", R"({"a":{"k":[1.0]},"b":{"c":true}})"}) ==
      Lines{R"({"a":1,"c":"x","n":2})", R"({"a":null,"c":null,"n":2})", R"({"a":{"k":[1]},"c":true,"n":2})"});
  CHECK(summarized("summarize(by: {k: upper(.k)}) { k2 = \"${k}!\"; n = count() }",
                   {R"({"k":"a"})", R"({"k":"A"})"}) == Lines{R"({"k":"A","k2":"A!","n":2})"});
}

TEST_CASE("every aggregate, of values and of none") {
  CHECK(
      summarized("summarize " + kAll, {R"({"v":4})", R"({"v":null})", R"({"v":1})", R"({"v":4})", R"({})"}) ==
      Lines{
          R"({"n":5,"t":2,"s":9,"a":3.0,"d":1.7320508075688772,"lo":1,"hi":4,"f":4,"l":4,"u":2,"q":4.0,"m":4.0,)"
          R"("c":[4,1,4],"cd":[4,1],"top":[{"value":4,"count":2},{"value":1,"count":1}]})"});
  CHECK(summarized("summarize " + kAll, {}) ==
        Lines{R"({"n":0,"t":0,"s":0,"a":null,"d":null,"lo":null,"hi":null,"f":null,"l":null,"u":0,"q":null,)"
              R"("m":null,"c":[],"cd":[],"top":[]})"});
  CHECK(summarized("summarize(by: .k) { n = count() }", {}).empty());
  CHECK(summarized("summarize { a = min(.s); b = max(from_unix(.t)); c = max(from_unix(.t)) - "
                   "min(from_unix(.t)) > 1s }",
                   {R"({"s":"b","t":1})", R"({"s":"aé","t":3})"}) ==
        Lines{R"({"a":"aé","b":"1970-01-01T00:00:03Z","c":true})"});
}

TEST_CASE("sums are exact: ints stay ints, floats are the nearest double") {
  CHECK(summarized("summarize { s = sum(.v); a = avg(.v) }",
                   {R"({"v":0.1})", R"({"v":0.2})", R"({"v":0.3})", R"({"v":0.4})", R"({"v":0.5})",
                    R"({"v":0.6})", R"({"v":0.7})", R"({"v":0.8})", R"({"v":0.9})", R"({"v":1e100})",
                    R"({"v":-1e100})"}) == Lines{R"({"s":4.5,"a":0.4090909090909091})"});
  CHECK(summarized("summarize { s = sum(.v) }", {R"({"v":9223372036854775807})", R"({"v":-1})",
                                                 R"({"v":1})"}) == Lines{R"({"s":9223372036854775807})"});
  CHECK(summarized("summarize { s = sum(.v) }", {R"({"v":1e308})", R"({"v":1e308})", R"({"v":-1e308})"}) ==
        Lines{R"({"s":1e308})"});
  CHECK(summarized("summarize { s = sum(.v) }", {R"({"v":5e-324})", R"({"v":5e-324})"}) ==
        Lines{R"({"s":1e-323})"});
  CHECK(summarized("summarize { d = stddev(.v) }",
                   {R"({"v":1700000000000000001})", R"({"v":1700000000000000003})"}) ==
        Lines{R"({"d":1.4142135623730951})"});
}

TEST_CASE("a value that an aggregate does not take makes its record a dead letter, in no figure") {
  StageRun run("summarize(by: .k) { n = count(); s = sum(.v); m = max(.w) }");
  run.batch({R"({"k":1,"v":1,"w":"a"})", R"({"k":1,"v":"x","w":"b"})", R"({"k":1,"v":1,"w":2})",
             R"({"k":2,"v":true})", R"({"k":1,"v":9223372036854775807})", R"({"k":1,"v":2})", "nonsense"});
  CHECK(run.finish() == Lines{R"({"k":1,"n":2,"s":3,"m":"a"})"});
  REQUIRE(run.dead.size() == 5);
  CHECK(holds(run.dead[0].second, "parse error"));
  CHECK(run.dead[1].second == "summarize: sum takes a number, got string");
  CHECK(run.dead[2].second == "summarize: max takes one type in a group: string before, now int");
  CHECK(run.dead[3].second == "summarize: sum takes a number, got bool");
  CHECK(run.dead[4].second == "summarize: the sum is out of range");
}

TEST_CASE("a field that fails makes the group's record a dead letter that names the group") {
  StageRun run("summarize(by: .k) { x = 1 / (count() - 1) }");
  run.batch({R"({"k":"a"})", R"({"k":"b"})", R"({"k":"b"})"});
  CHECK(run.finish() == Lines{R"({"k":"b","x":1.0})"});
  REQUIRE(run.dead.size() == 1);
  CHECK(run.dead[0].second == R"(division by zero, in the group {"k":"a"})");
}

TEST_CASE("names of functions within and around aggregates") {
  CHECK(summarized("summarize { a = max(collect(.v)); b = sum(max(.l)); c = len(collect(.v)) }",
                   {R"({"v":3,"l":[1,5]})", R"({"v":7,"l":[2]})"}) == Lines{R"({"a":7,"b":7,"c":2})"});
  CHECK(summarized("summarize { n = count(); half = n / 2; s = map(collect(.v), x -> x + count()) }",
                   {R"({"v":3})", R"({"v":4})"}) == Lines{R"({"n":2,"half":1.0,"s":[5,6]})"});
}

TEST_CASE("windows by event time, tumbling and hopping; late records are dead letters") {
  const auto at = [](int second) {
    return "{\"t\":" + std::to_string(second) + ",\"k\":\"" + (second % 2 == 0 ? "even" : "odd") + "\"}";
  };
  StageRun run("summarize(by: .k, every: 10s, at: from_unix(.t), late: 5s) { n = count() }");
  run.batch({at(1), at(12), at(3), at(14), at(2)});
  CHECK(run.on_time(0).empty());
  run.batch({at(15), at(16), at(4)});
  REQUIRE(run.dead.size() == 1);
  CHECK(run.dead[0].second == "summarize: late by 1.000 s: its windows have left");
  CHECK(
      run.on_time(0) ==
      Lines{
          R"({"k":"odd","window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:10Z","n":2})",
          R"({"k":"even","window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:10Z","n":1})"});
  CHECK(run.finish().size() == 2);
  run.batch({at(17), at(25)});  // a second run over input that has grown
  CHECK(run.dead.size() == 2);
  CHECK(
      run.finish() ==
      Lines{
          R"({"k":"odd","window_start":"1970-01-01T00:00:20Z","window_end":"1970-01-01T00:00:30Z","n":1})"});
  CHECK(summarized("summarize(every: 10s, over: 20s, at: from_unix(.t)) { n = count() }", {at(1), at(11)}) ==
        Lines{R"({"window_start":"1969-12-31T23:59:50Z","window_end":"1970-01-01T00:00:10Z","n":1})",
              R"({"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:20Z","n":2})",
              R"({"window_start":"1970-01-01T00:00:10Z","window_end":"1970-01-01T00:00:30Z","n":1})"});
}

TEST_CASE("S1, S2 batches, threads and restarts change no byte of a summary") {
  std::mt19937 random(20261203);
  const auto number = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  for (int round = 0; round < 40; ++round) {
    std::string text = "summarize(by: .k";
    if (round % 2 == 1)
      text += ", every: 7s, over: 14s, at: from_unix(.t), late: " + std::to_string(number(9)) + "s";
    text += ") " + kAll;
    Lines records;
    int time = 100;
    for (int i = number(300); i >= 0; --i) {
      time += number(3);
      static const char* const kValues[] = {"1",     "2.5",   "-7",     "0.1",
                                            "null",  "1e300", "-1e300", "3e-300",
                                            "\"x\"", "true",  "4",      "9223372036854775807",
                                            "0.3",   "5",     "6",      "7"};
      records.push_back("{\"k\":" + std::to_string(number(5)) +
                        ",\"t\":" + std::to_string(time - (number(4) == 0 ? number(20) : 0)) +
                        ",\"v\":" + kValues[number(16)] + "}");
    }
    StageRun reference(text);
    INFO(reference.problem);
    REQUIRE(reference.problem.empty());
    for (const std::string& record : records) reference.batch({record});
    const Lines expected = reference.finish();
    CHECK(reference.error == "");

    StageRun whole(text);
    whole.batch(records);
    CHECK(whole.finish() == expected);
    CHECK(whole.dead.size() == reference.dead.size());

    std::vector<Lines> batches(1);
    for (const std::string& record : records) {
      if (number(20) == 0) batches.emplace_back();
      batches.back().push_back(record);
    }
    StageRun together(text);
    CHECK(together.batches(batches).empty());
    CHECK(together.finish() == expected);

    auto run = std::make_unique<StageRun>(text);
    for (const Lines& batch : batches) {
      run->batch(batch);
      const auto saved = run->save();
      if (number(2) == 0) continue;
      run = std::make_unique<StageRun>(text);
      run->open(saved);
      REQUIRE(run->error == "");
    }
    CHECK(run->finish() == expected);
    const auto left = run->save();
    for (const auto& [stage, entries] : left) {
      for (const StateEntry& entry : entries) {
        CHECK((entry.key == "secret" || entry.key == "done" || entry.key == "watermark"));
      }
    }
  }
}

TEST_CASE("damaged state of summarize is refused or read, never more") {
  std::mt19937 random(9);
  const std::string text = "summarize(by: [.k, .o]) " + kAll;
  StageRun first(text);
  REQUIRE(first.problem == "");
  first.batch({R"({"k":1,"o":{"a":[1]},"v":1.5})", R"({"k":"two","v":2})", R"({"k":"two","v":3})"});
  const auto saved = first.save();
  for (int i = 0; i < 1500; ++i) {
    auto broken = saved;
    StateEntries& entries = broken.begin()->second;
    StateEntry& entry = entries[random() % entries.size()];
    std::string& part = random() % 5 == 0 ? entry.key : entry.value;
    if (random() % 4 == 0) {
      part.resize(random() % (part.size() + 1));
    } else {
      part[random() % part.size()] = static_cast<char>(random());
    }
    StageRun second(text);
    second.open(broken);
    if (second.error.empty()) second.finish();
    if (!second.error.empty()) CHECK(second.error == "summarize: its saved state is damaged");
  }
}

TEST_CASE("what a summarize block may say") {
  CHECK(holds(problem("summarize"), "'summarize' needs a block"));
  CHECK(holds(problem("summarize { n = .x }"), "write first(.x)"));
  CHECK(holds(problem("summarize { n = @key }"), "write first(@key)"));
  CHECK(holds(problem("summarize { n = sum() }"), "'sum' needs 'x'"));
  CHECK(holds(problem("summarize { n = sum(\"a\") }"), "'sum' takes a number, not a string"));
  CHECK(holds(problem("summarize { n = quantile(.x, .y) }"), "this must be known before the first one"));
  CHECK(holds(problem("summarize { n = quantile(.x, 2) }"), "'q' of quantile is from 0 to 1"));
  CHECK(holds(problem("summarize { n = top(.x, 0) }"), "'n' of top is at least 1"));
  CHECK(holds(problem("summarize { n = collect(.x, 1, 2) }"), "takes 2 arguments"));
  CHECK(holds(problem("summarize { n = cuont() }"), "unknown function 'cuont'"));
  CHECK(holds(problem("summarize { n = count(); n = 1 }"), "'n' is set twice"));
  CHECK(holds(problem("summarize(by: .k) { k = 1 }"), "'k' is the name of a field that 'summarize' makes"));
  CHECK(holds(problem("summarize(every: 1m) { window_end = 1 }"), "that 'summarize' makes"));
  CHECK(holds(problem("summarize(by: [.a.k, .b.k]) { n = count() }"), "two fields with the name 'k'"));
  CHECK(holds(problem("summarize(by: .) { n = count() }"), "write by: {name: .}"));
  CHECK(holds(problem("summarize(by: upper(.k)) { n = count() }"), "write by: {name: upper(.k)}"));
  CHECK(holds(problem("summarize(over: 1m) { n = count() }"), "give 'every' too"));
  CHECK(holds(problem("summarize(every: 7s, over: 10s) { n = count() }"), "multiple of 'every'"));
  CHECK(holds(problem("summarize(every: 7s, late: 1s) { n = count() }"), "give 'at' too"));
}
