// Random expressions, transform blocks and blocks of JSON records, for the tests that compare ways to
// evaluate them. PIPEC_SEED replays one round, PIPEC_RECORDS sets the number of records.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "pipec/runtime/json.h"
#include "runtime/eval/condition_columns.h"
#include "runtime/eval/straight_line.h"
#include "runtime/eval/transform_run.h"
#include "runtime/eval/usage.h"
#include "support/catch.h"
#include "unit/runtime/json_support.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

namespace pipec::runtime::test {

using Lines = std::vector<std::string>;

inline constexpr std::size_t kPerRound = 300;

inline std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

// The results of the columns for the batch's records, if they have one: each(record's number, whether it
// holds).
template <typename Each>
void judge_by_columns(eval::ConditionColumns& columns, const Batch& batch, const Each& each) {
  for (std::size_t first = 0; first < batch.records.size();) {
    const std::size_t taken = columns.take(batch, first);
    for (std::size_t row = 0; row < taken; ++row) {
      const std::uint32_t held = columns.first_to_hold(row);
      if (held != eval::ConditionColumns::kUnknown) each(first + row, held == 0);
    }
    first += taken;
  }
}

inline Value text_holds(CallContext&, std::span<const Value> arguments) {
  return Value::boolean(arguments[0].text().find(arguments[1].text()) != std::string_view::npos);
}

inline const Function& text_function() {
  static const Function function = [] {
    Function made;
    made.name = "text_holds";
    Parameter text;
    text.name = "text";
    text.types = Type::string;
    made.parameters = {text, text};
    made.result = Type::boolean;
    made.code = text_holds;
    return made;
  }();
  return function;
}

inline const Lines kKeys = {"a", "b", "longer_key", "eight_ch", "a\"b", "d/e", "status"};

// The whole grammar of expressions, as trees.
class Expressions {
 public:
  Expressions(Build& build, Random& random) : b_(build), random_(random) {}

  Expression condition(int depth) {
    switch (random_.below(depth == 0 ? 6 : 12)) {
      case 0:
      case 1:
      case 2:
        return comparison(field(random_.chance(80)), constant());
      case 3:
        return random_.chance(50) ? b_.has(path(random_.chance(70))) : b_.matches(field(true), matcher());
      case 4:
        return b_.op(Op::in, field(true), list());
      case 5:
        if (random_.chance(30)) return comparison(constant(), field(true));
        if (random_.chance(30)) return b_.op(Op::in, b_.string(word()), field(true));
        return b_.call(text_function(), {field(true), b_.string(word())});
      case 6:
      case 7:
        return b_.op(Op::logical_and, condition(depth - 1), condition(depth - 1));
      case 8:
        return b_.op(Op::logical_or, condition(depth - 1), condition(depth - 1));
      case 9:
        return b_.op(Op::logical_not, condition(depth - 1));
      case 10:
        return random_.chance(50) ? comparison(value(depth - 1), value(depth - 1)) : field(true);
      default:
        return value(depth - 1);
    }
  }

  // A block of statements; mostly of the top level, as transforms are.
  std::vector<Statement> block(int depth) {
    in_block_ = true;
    std::vector<Statement> body;
    for (std::size_t i = 1 + random_.below(4); i > 0; --i) body.push_back(statement(depth));
    return body;
  }

 private:
  Statement statement(int depth) {
    const auto top = [&] { return "." + random_.of(kKeys); };
    switch (random_.below(depth > 0 ? 12 : 9)) {
      case 0:
      case 1:
      case 2:
        return b_.set(top(), value(static_cast<int>(random_.below(3))));
      case 3:
        return b_.set(top(), b_.interpolate({b_.string(word()), value(0)}));
      case 4:
      case 5:
        return b_.del({top()});
      case 6:
      case 7:
        return b_.rename(top(), top());
      case 8:
        if (random_.chance(40)) return b_.set(top(), constant());
        if (random_.chance(80)) return nested();
        return random_.chance(20) ? b_.set(path(false), value(1)) : b_.keep({top(), top(), top()});
      case 9:
        return b_.when(condition(0), {random_.chance(50) ? b_.drop() : b_.dlq(value(1))});
      default:
        return b_.when(condition(0), block(depth - 1),
                       random_.chance(50) ? block(depth - 1) : std::vector<Statement>());
    }
  }
  // Of the records that alike() makes.
  Statement nested() {
    static const Lines paths = {".a.b",     ".a.c",      ".b.b", ".a.b.c", ".a[0]",
                                ".b[-1].c", ".status.x", ".b.0", ".b[0]"};
    const std::string& path = random_.of(paths);
    if (random_.chance(60)) return b_.set(path, value(static_cast<int>(random_.below(2))));
    return random_.chance(60) ? b_.del({path}) : b_.rename(".a." + word(), ".a." + word());
  }
  Expression value(int depth) {
    static constexpr Op kArithmetic[] = {Op::add, Op::subtract, Op::multiply, Op::divide, Op::remainder};
    if (depth <= 0 && in_block_ && random_.chance(8)) return odd_constant();
    if (depth <= 0) return random_.chance(50) ? field(random_.chance(50)) : constant();
    switch (random_.below(9)) {
      case 0:
        return b_.op(kArithmetic[random_.below(5)], value(depth - 1), value(depth - 1));
      case 1:
        return b_.op(Op::negate, value(depth - 1));
      case 2:
        return b_.op(Op::coalesce, value(depth - 1), value(depth - 1));
      case 3:
        return b_.op(Op::catch_error, value(depth - 1), value(depth - 1));
      case 4:
        return b_.choose(condition(depth - 1), value(depth - 1), value(depth - 1));
      case 5:
        return b_.array({value(depth - 1), value(depth - 1)});
      case 6:
        return b_.object({"a", "b"}, {value(depth - 1), value(depth - 1)});
      case 7:
        return element(value(depth - 1));
      default:
        return condition(depth - 1);
    }
  }
  Expression element(Expression base) {
    Expression e = b_.element(std::move(base), "[0]");
    if (random_.chance(50)) {
      e.path.below[0].kind = PathSegment::Kind::key;
      e.path.below[0].key = "a";
    }
    return e;
  }
  Expression comparison(Expression left, Expression right) {
    static constexpr Op kOps[] = {Op::equal,      Op::not_equal, Op::less,
                                  Op::less_equal, Op::greater,   Op::greater_equal};
    return b_.op(kOps[random_.below(6)], std::move(left), std::move(right));
  }
  std::string path(bool top) {
    if (top) return "." + random_.of(kKeys);
    static const Lines paths = {".a.b", ".a[0]", ".b.a.d", ".a[-1].b", ".[0]", ".", ".b[0].c", ".0"};
    return random_.of(paths);
  }
  Expression field(bool top) { return b_.field(path(top)); }
  Expression list() {
    if (random_.chance(10)) return field(true);
    if (random_.chance(20)) return b_.string("abc status x");
    auto* items = b_.constants->allocate_array<Value>(3);
    for (std::size_t i = 0; i < 3; ++i) new (items + i) Value(constant().constant);
    return b_.value(Value::built_array(items, 3));
  }
  std::string word() {
    static const Lines words = {"", "a", "x", "key", "\"", "\\", "/", "\xc3\xa9", "ab", "5"};
    return random_.of(words);
  }
  std::shared_ptr<const Matcher> matcher() { return std::make_shared<HoldsText>(word()); }
  Expression constant() {
    switch (random_.below(8)) {
      case 0:
        return b_.integer(static_cast<std::int64_t>(random_.below(600)));
      case 1:
        return b_.integer(std::int64_t{9007199254740992} + static_cast<std::int64_t>(random_.below(3)));
      case 2:
        return b_.floating(0.5 * static_cast<double>(random_.below(10)));
      case 3:
        return b_.integer(static_cast<std::int64_t>(random_.below(3)) - 1);
      case 4:
        return b_.boolean(random_.chance(50));
      case 5:
        return random_.chance(50) ? b_.null() : b_.floating(1e300);
      default:
        return b_.string(word());
    }
  }

  // Function results that cannot be literals: parts of another JSON text, types that JSON lacks.
  Expression odd_constant() {
    static const Lines texts = {"1.10",          R"([1.10,{"a":1e2}])",  "1e400",
                                R"("\u0061\/")", "18446744073709551616", R"({"b":[1,2.0]})",
                                "[1e400]"};
    if (random_.chance(30)) return random_.chance(50) ? b_.bytes("\xff\x01") : b_.timestamp(1'500'000'000);
    const std::string& text = random_.of(texts);
    char* const copy = b_.constants->allocate(text.size(), Buffer::kPadding);
    std::copy(text.begin(), text.end(), copy);
    return b_.value(read_json({copy, text.size()}).value());
  }

  Build& b_;
  Random& random_;
  bool in_block_ = false;
};

inline std::string flat_value(Random& random) {
  static const Lines values = {"1",
                               "5",
                               "500",
                               "0",
                               "-1",
                               "9007199254740993",
                               "1.10",
                               "true",
                               "null",
                               "\"\"",
                               "\"x\"",
                               "\"a\"",
                               "12345678901234567890",
                               "5e2",
                               "00",
                               "1.",
                               "tru",
                               "\"\\/\"",
                               "[]",
                               "{\"a\":1}",
                               "\"\\u0061\"",
                               "false",
                               "5.0",
                               "-0",
                               "\"ab\"",
                               "\"5\"",
                               "\"\xc3\xa9\"",
                               "0.5"};
  // Mostly valid records: a block with an error in every line is abandoned at once.
  return random.chance(85)   ? values[random.below(14)]
         : random.chance(80) ? random.of(values)
                             : random_scalar(random);
}

// A record as logs have them: one line, no nesting, now and then something odd.
inline std::string flat_record(Random& random) {
  const bool spaced = random.chance(10);
  std::string text = "{";
  const std::size_t count = random.below(6);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += spaced ? ", " : ",";
    if (random.chance(4)) {
      text += random_key(random);
    } else {
      std::string key = random.of(kKeys);
      if (key == "a\"b") key = "a\\\"b";
      if (key == "d/e" && random.chance(50)) key = "d\\/e";
      text += '"' + key + '"';
    }
    text += spaced ? ": " : ":";
    text += random.chance(4) ? R"("\"a\":5,\"status\":1")" : flat_value(random);
  }
  return text + "}";
}

inline std::string record(Random& random, bool hostile) {
  std::string text = random.chance(88)   ? flat_record(random)
                     : random.chance(90) ? random_object(random, 2)
                                         : random_json(random, 2);
  if (hostile && random.chance(30)) text = damaged(random, text);
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text.find_first_not_of(" \t\r") == std::string::npos ? "{}" : text;
}

inline std::string nested_value(Random& random) {
  static const Lines values = {R"({"b":1})",
                               R"({"b":{"c":2},"c":"x"})",
                               R"({"0":{"c":2},"-1":{"b":[]}})",
                               R"([1,{"c":null}])",
                               R"({ "c" : [] })",
                               R"({"b":1,"b":2})",
                               R"({"\u0062":1})",
                               "{}",
                               "[]",
                               R"({"b":1.})",
                               R"({"b" 1})"};
  return random.chance(50) ? flat_value(random) : values[random.below(random.chance(90) ? 8 : values.size())];
}

// Another record with the keys of an earlier one of random_block(), as is typical of a source.
inline std::string alike(Random& random, const Lines& keys, bool spaced, bool nested) {
  std::string text = "{";
  for (const std::string& key : keys) {
    if (text.size() > 1) text += spaced ? ", " : ",";
    text += '"' + key + (spaced ? "\": " : "\":") + (nested ? nested_value(random) : flat_value(random));
  }
  return text + "}";
}

inline std::shared_ptr<Block> random_block(Random& random, BufferPool& pool) {
  const bool hostile = random.chance(70);
  std::vector<Lines> layouts(4);
  for (Lines& keys : layouts) {
    for (const std::string& key : kKeys) {
      if (key != "a\"b" && random.chance(60)) keys.push_back(key);
    }
    std::shuffle(keys.begin(), keys.end(), random.engine());
    if (random.chance(10) && !keys.empty()) keys.push_back(keys.front());
  }
  const bool mostly_alike = random.chance(70);
  const bool spaced = random.chance(20);
  const bool nested = random.chance(25);
  Lines lines;
  for (std::size_t i = 0; i < kPerRound; ++i) {
    lines.push_back(mostly_alike && random.chance(95) ? alike(random, random.of(layouts), spaced, nested)
                                                      : record(random, hostile));
  }
  auto block = block_of(lines, pool);
  block->single_lines = true;
  return block;
}

// Runs a transform over a batch record by record and by columns, and requires the same of both. How many
// records columns have answered for.
inline std::uint64_t same_both_ways(const TransformProgram& program, const Batch& batch) {
  const bool reads = eval::reads_record(program.body);
  const eval::StraightLine line(program);
  std::uint64_t by_columns = 0;
  if (line.usable() && reads) {
    eval::StraightLineRun run(line);
    for (std::size_t first = 0; first < batch.records.size();) {
      const std::size_t taken = run.take(batch, first);
      for (std::size_t row = 0; row < taken; ++row) {
        if (run.outcome(row) != eval::StraightLineRun::Outcome::unknown) ++by_columns;
      }
      first += taken;
    }
  }
  Batch one_by_one = batch;
  Batch many = batch;
  Seen seen_alone;
  Seen seen_many;
  eval::TransformRun plain(program, reads, nullptr);
  eval::TransformRun fast(program, reads, reads && line.usable() ? &line : nullptr);
  REQUIRE(plain.process(one_by_one, OnError::dead_letter, seen_alone).ok());
  REQUIRE(fast.process(many, OnError::dead_letter, seen_many).ok());
  const Lines expected = lines_of(one_by_one);
  const Lines got = lines_of(many);
  for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
    INFO("record: " << batch.block().original(one_by_one.records[i].origin));
    REQUIRE(got[i] == expected[i]);
    REQUIRE(many.records[i].origin == one_by_one.records[i].origin);
    REQUIRE(many.records[i].validated == one_by_one.records[i].validated);
  }
  REQUIRE(got.size() == expected.size());
  REQUIRE(seen_many.dead == seen_alone.dead);
  return by_columns;
}

// As many as PIPEC_RECORDS wants. False: PIPEC_SEED replayed a single one, of which nothing can be said in
// all.
template <typename Count>
bool rounds(void (*one)(std::uint64_t, Count&), Count& count) {
  if (std::getenv("PIPEC_SEED")) {
    one(from_environment("PIPEC_SEED", 0), count);
    return false;
  }
  const std::uint64_t wanted = from_environment("PIPEC_RECORDS", 60'000);
  for (std::uint64_t seed = from_environment("PIPEC_FIRST_SEED", 1); count.judged < wanted; ++seed)
    one(seed, count);
  return true;
}

}  // namespace pipec::runtime::test
