#include <deque>
#include <random>
#include <set>
#include <string>

#include "pipec/runtime/evaluate.h"
#include "support/catch.h"
#include "unit/compiler/harness.h"
#include "unit/compiler/stage_run.h"

using namespace pipec;
using namespace pipec::compiler::test;
using namespace pipec::runtime;
using namespace std::string_literals;

namespace {

std::string compile_problem(const std::string& text) {
  const auto made = compiler::compile_text("flow.pipe", text, standard_library());
  return made.ok() ? "" : made.error().message;
}

graph::Node compiled_stage(const std::string& text, const std::string& name) {
  const auto made = compiler::compile_text("flow.pipe", text, standard_library());
  INFO((made.ok() ? std::string() : made.error().message));
  REQUIRE(made.ok());
  for (const graph::Node& node : made->nodes) {
    if (node.name == name) return node;
  }
  FAIL("there is no node " << name);
  return {};
}

const std::string kIn = "dlq discard\nrecv file(\"/nowhere/in\") | ";
const std::string kOut = " | sink null()\n";

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every stage's examples give the documented results") {
  for (const StageSpec& spec : standard_library().stages()) {
    CHECK_FALSE(spec.examples.empty());
    for (const StageExample& example : spec.examples) {
      INFO(example.stage);
      StageRun run(example.stage);
      REQUIRE(run.problem == "");
      Lines result = run.batch(example.given);
      for (std::string& line : run.finish()) result.push_back(std::move(line));
      CHECK(result == example.result);
      CHECK(run.dead.empty());
    }
  }
}

TEST_CASE("unroll copies untouched fields byte for byte, in order") {
  StageRun run("unroll(.i)");
  CHECK(run.batch({R"({ "n" : 1.10,"i": [ 1e2 , {"a" : 1 } ,"\u0041"], "z":12345678901234567890 })",
                   R"({"i":[[]]})"}) == Lines{R"({ "n" : 1.10,"i": 1e2, "z":12345678901234567890 })",
                                              R"({ "n" : 1.10,"i": {"a" : 1 }, "z":12345678901234567890 })",
                                              R"({ "n" : 1.10,"i": "\u0041", "z":12345678901234567890 })",
                                              R"({"i":[]})"});
}

TEST_CASE("unroll drops null, missing and empty arrays, or keeps them with null") {
  const Lines records = {R"({"i":null})", R"({"a":1})", R"({"i":[]})", R"({"i":[null]})"};
  StageRun drops("unroll(.i)");
  CHECK(drops.batch(records) == Lines{R"({"i":null})"});
  StageRun keeps("unroll(.i, keep_empty: true)");
  CHECK(keeps.batch(records) ==
        Lines{R"({"i":null})", R"({"a":1,"i":null})", R"({"i":null})", R"({"i":null})"});
  CHECK(keeps.dead.empty());
}

TEST_CASE("unroll dead-letters a value that is not an array, and outputs nothing of that record") {
  StageRun run("unroll(.i, into: .o.x)");
  CHECK(run.batch({R"({"i":{"a":1}})", R"({"i":"s"})", R"({"i":[1],"o":3})", R"({"i":[1]})", "{"}) ==
        Lines{R"({"i":[1],"o":{"x":1}})"});
  REQUIRE(run.dead.size() == 4);
  CHECK(run.dead[0].second == "unroll takes an array, got object");
  CHECK(run.dead[1].second == "unroll takes an array, got string");
  CHECK(holds(run.dead[2].second, "cannot set .o.x"));
  CHECK(holds(run.dead[3].second, "parse error"));
}

TEST_CASE("unroll outputs a thousand items of a large record without holding a thousand copies") {
  std::string record = R"({"pad":")" + std::string(300'000, 'x') + R"(","i":[0)";
  for (int i = 1; i < 1000; ++i) record += "," + std::to_string(i);
  record += "]}";
  StageRun run("unroll(.i)");
  const Lines out = run.batch({record});
  REQUIRE(out.size() == 1000);
  CHECK(out[999].ends_with(",\"i\":999}"));
}

TEST_CASE("unroll reads MsgPack and leaves it MsgPack") {
  StageRun run("unroll(.i)");
  CHECK(run.batch({"\x81\xa1i\x92\x01\xa1x"}, Format::msgpack) == Lines{"\x81\xa1i\x01", "\x81\xa1i\xa1x"});
}

TEST_CASE("unroll compiles only with a field to put the item into") {
  CHECK(holds(StageRun("unroll(split(.a, \",\"))").problem, "'into' is needed"));
  CHECK(holds(StageRun("unroll(.a, into: .)").problem, "'into' is a field of the record"));
  CHECK(holds(StageRun("unroll(.a, into: .[.k])").problem, "no computed parts"));
  CHECK(holds(StageRun("unroll(.a, into: 3)").problem, "'into' is a field, such as .a.b"));
  CHECK(holds(StageRun("unroll(.a, in_to: .b)").problem, "did you mean 'into'?"));
  CHECK(holds(StageRun("unroll()").problem, "unroll needs 'array'"));
  CHECK(holds(StageRun("unroll(\"a\", into: .b)").problem, "unroll takes"));
  CHECK(holds(StageRun("unroll(.a) { b = 1 }").problem, "'unroll' takes no block"));
}

TEST_CASE("dedupe compares keys as == does, and lets the first record of each pass") {
  StageRun run("dedupe(.k)");
  CHECK(run.batch({R"({"k":1,"n":1})", R"({"k":1.0,"n":2})", R"({"k":"1","n":3})", R"({"k":null,"n":4})",
                   R"({"n":5})", R"({"k":{"a":1,"b":[2]},"n":6})", R"({"k":{"b":[2.0],"a":1},"n":7})",
                   R"({"k":"\u0061","n":8})", R"({"k":"a","n":9})", R"({"k":10000000000000000000,"n":10})",
                   R"({"k":1e19,"n":11})", R"({"k":[],"n":12})", R"({"k":{},"n":13})", R"({"k":true,"n":14})",
                   R"({"k":0,"n":15})", R"({"k":-0.0,"n":16})"}) ==
        Lines{R"({"k":1,"n":1})", R"({"k":"1","n":3})", R"({"k":null,"n":4})",
              R"({"k":{"a":1,"b":[2]},"n":6})", R"({"k":"\u0061","n":8})",
              R"({"k":10000000000000000000,"n":10})", R"({"k":[],"n":12})", R"({"k":{},"n":13})",
              R"({"k":true,"n":14})", R"({"k":0,"n":15})"});
  CHECK(run.filtered == 6);
  CHECK(run.batch({R"({"k":"a"})", R"({"k":"b"})"}) == Lines{R"({"k":"b"})"});
}

TEST_CASE("dedupe reads MsgPack and text records") {
  StageRun msgpack("dedupe(.i)");
  CHECK(msgpack.batch({"\x81\xa1i\x01", "\x81\xa1i\xcb\x3f\xf0\0\0\0\0\0\0"s, "\x81\xa1i\xd1\0\x02"s},
                      Format::msgpack) == Lines{"\x81\xa1i\x01", "\x81\xa1i\xd1\0\x02"s});
  StageRun text("parse text | dedupe(.message)");
  CHECK(text.batch({"a", "b", "a"}) == Lines{R"({"message":"a"})", R"({"message":"b"})"});
}

TEST_CASE("dedupe dead-letters a record whose key or time fails, and does not count it") {
  StageRun run("dedupe(.k + 1, within: 1h, at: .t)");
  CHECK(run.batch({R"({"k":"x","t":"2030-01-01T00:00:00Z"})", R"({"k":1,"t":"2026-01-01T00:00:00Z"})",
                   R"({"k":1,"t":"tomorrow"})", R"({"k":1,"t":7})", R"({"k":1,"t":"2026-01-01T00:59:59Z"})",
                   "nonsense"}) == Lines{R"({"k":1,"t":"2026-01-01T00:00:00Z"})"});
  REQUIRE(run.dead.size() == 4);
  CHECK(run.dead[1].second == "dedupe: 'at' is a timestamp or an RFC 3339 string, got \"tomorrow\"");
  CHECK(run.dead[2].second == "dedupe: 'at' is a timestamp or an RFC 3339 string, got int");
  CHECK(holds(run.dead[3].second, "parse error"));
}

namespace {

// dedupe in the plainest way: a list of what passed, newest last.
class Model {
 public:
  Model(std::int64_t within, std::size_t last) : within_(within), last_(last) {}
  bool passes(int key, std::int64_t time) {
    greatest_ = std::max(greatest_, time);
    for (const auto& each : passed_) {
      if (each.first == key && (within_ == 0 || each.second + within_ > greatest_)) return false;
    }
    passed_.emplace_back(key, time);
    if (last_ != 0 && passed_.size() > last_) passed_.pop_front();
    return true;
  }

 private:
  std::int64_t within_;
  std::size_t last_;
  std::int64_t greatest_ = 0;
  std::deque<std::pair<int, std::int64_t>> passed_;
};

}  // namespace

TEST_CASE("S1, S2 dedupe agrees with a simple model, whatever the batches, threads and restarts") {
  std::mt19937 random(20261201);
  const auto number = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  for (int round = 0; round < 60; ++round) {
    const int within = number(2) * (1 + number(40));
    const std::size_t last = static_cast<std::size_t>(number(2) * (1 + number(12)));
    std::string text = "dedupe(.k";
    if (within != 0) text += ", within: " + std::to_string(within) + "s, at: @timestamp ?? from_unix(.t)";
    if (last != 0) text += ", last: " + std::to_string(last);
    text += number(2) == 0 ? ")" : ", exact: true)";
    INFO(text);
    Model model(within, last);
    std::vector<Lines> batches;
    Lines expected;
    int time = 1000;
    for (int i = 0; i < 30; ++i) {
      batches.emplace_back();
      const int size = number(9);
      for (int j = 0; j < size; ++j) {
        time += number(4);
        const int late = number(5) == 0 ? number(60) : 0;
        const int key = number(20);
        batches.back().push_back("{\"k\":" + std::to_string(key) + ",\"t\":" + std::to_string(time - late) +
                                 "}");
        if (model.passes(key, time - late)) expected.push_back(batches.back().back());
      }
    }
    StageRun together(text);
    REQUIRE(together.problem == "");
    CHECK(together.batches(batches) == expected);

    // Stopped after any batch, and after some more whose state is lost.
    Lines restarted;
    auto run = std::make_unique<StageRun>(text);
    auto saved = run->save();
    std::size_t covered = 0;
    std::size_t restarts = 0;
    Lines since;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      for (std::string& line : run->batch(batches[i])) since.push_back(std::move(line));
      if (number(3) == 0) {
        saved = run->save();
        covered = i + 1;
        restarted.insert(restarted.end(), since.begin(), since.end());
        since.clear();
      } else if (number(4) == 0 && restarts < 8) {
        ++restarts;
        run = std::make_unique<StageRun>(text);
        run->open(saved);
        REQUIRE(run->error == "");
        since.clear();
        i = covered - 1;
      }
    }
    restarted.insert(restarted.end(), since.begin(), since.end());
    CHECK(restarted == expected);
  }
}

TEST_CASE("a snapshot of dedupe holds only changes, and removes forgotten chunks") {
  StageRun run("dedupe(.k, last: 3000)");
  std::size_t most = 0;
  for (int i = 0; i < 60; ++i) {
    Lines records;
    for (int j = 0; j < 500; ++j) records.push_back("{\"k\":" + std::to_string(i * 500 + j) + "}");
    run.batch(records);
    std::size_t bytes = 0;
    const auto saved = run.save();
    for (const StateEntry& entry : saved.begin()->second) bytes += entry.value.size();
    most = std::max(most, bytes);
  }
  // 3,000 keys of 16 bytes, and two chunks that are not full or not yet forgotten.
  CHECK(most <= 3000 * 16 + 3 * (32 * 1024 + 500 * 16));
}

TEST_CASE("saved state of any content is refused or read, never more") {
  std::mt19937 random(7);
  for (const std::string text : {"dedupe(.k, within: 1h)", "dedupe(.k, exact: true)"}) {
    StageRun first(text);
    first.batch({R"({"k":1})", R"({"k":"two"})"});
    const auto saved = first.save();
    for (int i = 0; i < 400; ++i) {
      auto broken = saved;
      StateEntries& entries = broken.begin()->second;
      StateEntry& entry = entries[random() % entries.size()];
      std::string& part = random() % 3 == 0 ? entry.key : entry.value;
      if (random() % 4 == 0) {
        part.resize(random() % (part.size() + 1));
      } else if (!part.empty()) {
        part[random() % part.size()] = static_cast<char>(random());
      }
      StageRun second(text);
      second.error.clear();
      second.open(broken);
      if (second.error.empty()) second.batch({R"({"k":1})"});
      if (!second.error.empty()) CHECK(second.error == "dedupe: its saved state is damaged");
    }
  }
}

TEST_CASE("S7 the definition that a stage's state depends on has one canonical text") {
  const auto meaning = [](const std::string& stage, const std::string& more = "") {
    return compiled_stage(more + kIn + stage + kOut, "dedupe").meaning;
  };
  CHECK(meaning("dedupe(.id)") == "dedupe(.id)");
  CHECK(meaning("dedupe( key:.[\"id\"] ,exact :false)") == "dedupe(.id)");
  CHECK(meaning("dedupe(.id, state: \"x\")") == "dedupe(.id)");
  CHECK(meaning("dedupe([.a,.b+1], at: .t, within: 60m)") == "dedupe([.a, .b + 1], within: 1h, at: .t)");
  CHECK(meaning("dedupe([.a, .b + 1], within: 1h, at: .t # when\n)") ==
        "dedupe([.a, .b + 1], within: 1h, at: .t)");
  CHECK(meaning("dedupe(f(.a))", "fn f(x) = g(x)+\"1\"\nfn g(x)=upper( x )\n") ==
        "dedupe(f(.a)) with fn f(x) = g(x) + \"1\", fn g(x) = upper(x)");
  CHECK(meaning("dedupe(f(.a))", "fn f(x) = lower(x)\n") == "dedupe(f(.a)) with fn f(x) = lower(x)");
}

TEST_CASE("S7 a stage's state is known by its name, by default its kind") {
  CHECK(compiled_stage(kIn + "dedupe(.id)" + kOut, "dedupe").state_key == "stage.dedupe");
  CHECK(compiled_stage(kIn + "dedupe(.id, state: \"by id\")" + kOut, "dedupe").state_key == "stage.by%20id");
  CHECK(compiled_stage(kIn + "unroll(.items)" + kOut, "unroll").state_key == "");
  CHECK(holds(compile_problem(kIn + "dedupe(.a) | dedupe(.b)" + kOut), "E0411"));
  CHECK(compile_problem(kIn + "dedupe(.a) | dedupe(.b, state: \"b\")" + kOut) == "");
  CHECK(holds(compile_problem(kIn + "dedupe(.a, state: \"b\") | dedupe(.b, state: \"b\")" + kOut), "E0411"));
  CHECK(holds(compile_problem("let once = dedupe(.a)\n" + kIn + "once | once" + kOut),
              "the chain that holds this stage is used twice"));
  // No state is kept here.
  CHECK(compile_problem("let a = dedupe(.a) | dedupe(.b)\ntest \"t\" { stage a given {} expect {} }\n" + kIn +
                        "drop\n") == "");
}

TEST_CASE("S8 a stage with state does not compile where it cannot be saved with the positions") {
  CHECK(holds(compile_problem("commit sink\n" + kIn + "dedupe(.a)" + kOut), "E0412"));
  const std::string kafka =
      "dlq discard\nlet k = recv kafka(brokers: \"b\", topics: [\"t\"], group: \"g\")\n";
  CHECK(holds(compile_problem(kafka + "k | filter .a | dedupe(.a)" + kOut),
              "cannot be used after 'recv kafka'"));
  CHECK(holds(compile_problem(kafka + "let f = recv file(\"/nowhere/x\")\nmerge(f, k) | dedupe(.a)" + kOut),
              "E0412"));
  CHECK(compile_problem(kafka + "k | unroll(.a)" + kOut) == "");
}

TEST_CASE("a name in stage position is the file's chain, else a registered stage") {
  CHECK(holds(compile_problem(kIn + "dedup(.a)" + kOut), "write 'dedupe(.id)'"));
  CHECK(holds(compile_problem(kIn + "dedupee(.a)" + kOut), "did you mean 'dedupe'?"));
  CHECK(holds(compile_problem(kIn + "fiter(.a)" + kOut), "did you mean 'filter'?"));
  CHECK(holds(compile_problem(kIn + "upper(.a)" + kOut), "call a function within a stage"));
  CHECK(holds(compile_problem(kIn + "stdout()" + kOut), "sink stdout(...)"));
  CHECK(holds(compile_problem(kIn + "nothing_like_it" + kOut), "unknown stage 'nothing_like_it'"));
  CHECK(holds(compile_problem(kIn + "dedupe .a" + kOut), "dedupe(...)"));
  CHECK(holds(compile_problem("let dedupe = filter .a\n" + kIn + "dedupe(.a)" + kOut),
              "it hides the stage 'dedupe'"));
  CHECK(compile_problem("let dedupe = filter .a\n" + kIn + "dedupe" + kOut) == "");
  CHECK(compile_problem("fn dedupe(x) = x\n" + kIn + "filter dedupe(.a) | dedupe(.a)" + kOut) == "");
  CHECK(compile_problem("let clean = unroll(.a) | filter .a.b\n" + kIn + "clean | clean" + kOut) == "");
  CHECK(compile_problem(kIn + "route { .a -> unroll(.a) | sink null() else -> dedupe(.b) | drop }\n") == "");
}

namespace {

struct Nothing final : Stage {
  Status process(Batch&, Scratch*, StageContext&) const override { return {}; }
};

}  // namespace

TEST_CASE("a registered stage gets its block, its options and its place in the text") {
  Registry all;
  StageSpec spec;
  spec.name = "stamp";
  spec.block = StageSpec::Block::assignments;
  std::vector<std::string> names;
  OnError on_malformed = OnError::fail;
  spec.make = [&](const Options& options, const StageSetup& setup) -> Result<std::shared_ptr<const Stage>> {
    for (const Options::Item& item : options.assignments) {
      names.push_back(item.name + " " + item.place.to_string());
      CHECK(item.program);
    }
    on_malformed = setup.on_malformed;
    return std::shared_ptr<const Stage>(std::make_shared<Nothing>());
  };
  REQUIRE(all.add(spec).ok());
  CHECK_FALSE(all.add(spec).ok());
  StageSpec empty;
  empty.name = "empty";
  CHECK(all.add(empty).error().message == "the stage 'empty' has no 'make'");
  empty.kind = StageSpec::Kind::ordered;
  CHECK(all.add(empty).error().message == "the stage 'empty' has no 'make_ordered'");
  FormatSpec format;
  format.name = "json";
  FormatSpec::Parse& parser = format.parse.emplace();
  OptionSpec on_error;
  on_error.name = "on_error";
  on_error.kind = OptionSpec::Kind::choice;
  on_error.choices = {"dlq", "skip", "fail"};
  parser.options = {on_error};
  parser.make = [](const Options&) -> Result<std::unique_ptr<Stage>> {
    return std::unique_ptr<Stage>(std::make_unique<Nothing>());
  };
  REQUIRE(all.add(format).ok());

  StageRun good("stamp { a = .b + 1; c = [1,\n 2] } | parse json(on_error: skip)", all);
  CHECK(good.problem == "");
  CHECK(on_malformed == OnError::skip);
  CHECK(names == std::vector<std::string>{"a stages:1:13", "c stages:1:25"});
  CHECK(holds(StageRun("stamp", all).problem, "'stamp' needs a block"));
  CHECK(holds(StageRun("stamp { a = 1, b = 2 }", all).problem, "not separated by ','"));
  CHECK(holds(StageRun("stamp { a = 1 a = 2 }", all).problem, "'a' is set twice"));
  CHECK(holds(StageRun("stamp { .a = 1 }", all).problem, "the name has no leading dot"));
  CHECK(holds(StageRun("stamp { a = nope(1) }", all).problem, "unknown function 'nope'"));
}
