// Random conditions over random and hostile records: the raw filter, the index, validated records, the same
// records as MsgPack and a plain reference evaluator must agree. PIPEC_SEED replays one round, PIPEC_RECORDS
// sets how many records are judged.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "runtime/eval/condition_columns.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/raw_filter.h"
#include "runtime/eval/straight_line.h"
#include "runtime/eval/transform_run.h"
#include "runtime/eval/usage.h"
#include "support/catch.h"
#include "unit/runtime/eval_reference.h"
#include "unit/runtime/json_support.h"
#include "unit/runtime/msgpack_support.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

using Lines = std::vector<std::string>;
using eval::RawFilter;
using eval::RawScan;

constexpr std::size_t kPerRound = 300;

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

class HoldsText final : public Matcher {
 public:
  explicit HoldsText(std::string part) : part_(std::move(part)) {}
  bool search(std::string_view text) const override { return text.find(part_) != std::string_view::npos; }

 private:
  std::string part_;
};

Value text_holds(CallContext&, std::span<const Value> arguments) {
  return Value::boolean(arguments[0].text().find(arguments[1].text()) != std::string_view::npos);
}

const Function& text_function() {
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

const Lines kKeys = {"a", "b", "longer_key", "eight_ch", "a\"b", "d/e", "status"};

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
    static const Lines paths = {".a.b", ".a.c", ".b.b", ".a.b.c", ".a[0]", ".b[-1].c", ".status.x"};
    const std::string& path = random_.of(paths);
    if (random_.chance(60)) return b_.set(path, value(static_cast<int>(random_.below(2))));
    return random_.chance(60) ? b_.del({path}) : b_.rename(".a." + word(), ".a." + word());
  }
  Expression value(int depth) {
    static constexpr Op kArithmetic[] = {Op::add, Op::subtract, Op::multiply, Op::divide, Op::remainder};
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
    static const Lines paths = {".a.b", ".a[0]", ".b.a.d", ".a[-1].b", ".[0]", "."};
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

  Build& b_;
  Random& random_;
};

std::string flat_value(Random& random) {
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
  // Mostly what is valid: a block with a fault in every line is given up at once.
  return random.chance(85)   ? values[random.below(14)]
         : random.chance(80) ? random.of(values)
                             : random_scalar(random);
}

// A record as logs have them: one line, no nesting, now and then something odd.
std::string flat_record(Random& random) {
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

std::string record(Random& random, bool hostile) {
  std::string text = random.chance(88)   ? flat_record(random)
                     : random.chance(90) ? random_object(random, 2)
                                         : random_json(random, 2);
  if (hostile && random.chance(30)) text = damaged(random, text);
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text.find_first_not_of(" \t\r") == std::string::npos ? "{}" : text;
}

enum class Outcome : std::uint8_t { no, yes, failed, malformed };

// The same record as MsgPack.
Outcome outcome_of_msgpack(const Program& program, eval::Interpreter& interpreter, const std::string& bytes) {
  BufferPool pool(0);
  const Batch batch(msgpack_block({bytes}, pool), pool);
  Outcome outcome = Outcome::failed;
  if (interpreter.begin(batch, batch.records[0], eval::reads_record(program.root))) {
    const eval::Truth truth = interpreter.test(program.root);
    if (truth != eval::Truth::failed) outcome = truth == eval::Truth::yes ? Outcome::yes : Outcome::no;
  }
  return interpreter.malformed() ? Outcome::malformed : outcome;
}

struct Count {
  std::uint64_t judged = 0;
  std::uint64_t packed = 0;
  std::uint64_t by_bytes = 0;
  std::uint64_t by_columns = 0;
  std::uint64_t outlined = 0;
};

std::string nested_value(Random& random) {
  static const Lines values = {R"({"b":1})",
                               R"({"b":{"c":2},"c":"x"})",
                               R"([1,{"c":null}])",
                               R"({ "c" : [] })",
                               R"({"b":1,"b":2})",
                               R"({"\u0062":1})",
                               "{}",
                               "[]",
                               R"({"b":1.})",
                               R"({"b" 1})"};
  return random.chance(50) ? flat_value(random) : values[random.below(random.chance(90) ? 7 : values.size())];
}

// Another record with the keys of one that random_block() made before, as most records of a source are.
std::string alike(Random& random, const Lines& keys, bool spaced, bool nested) {
  std::string text = "{";
  for (const std::string& key : keys) {
    if (text.size() > 1) text += spaced ? ", " : ",";
    text += '"' + key + (spaced ? "\": " : "\":") + (nested ? nested_value(random) : flat_value(random));
  }
  return text + "}";
}

std::shared_ptr<Block> random_block(Random& random, BufferPool& pool) {
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

void one_round(std::uint64_t seed, Count& count) {
  INFO("replay with PIPEC_SEED=" << seed);
  Random random(static_cast<unsigned>(seed));
  Build build;
  Expressions expressions(build, random);
  const auto program = build.program(expressions.condition(3));
  BufferPool pool;
  Batch batch(random_block(random, pool), pool);
  if (random.chance(30)) std::erase_if(batch.records, [&](const Record&) { return random.chance(20); });

  // By the index and on demand, record by record.
  const RawFilter raw(*program);
  INFO("looks for: " << (raw.usable() ? raw.describe() : raw.why_not()));
  eval::Interpreter interpreter(program->fields, program->locals, Clock::system());
  std::vector<Outcome> outcomes;
  for (const Record& each : batch.records) {
    INFO("record: " << batch.payload(each));
    Outcome outcome = Outcome::failed;
    if (interpreter.begin(batch, each, eval::reads_record(program->root))) {
      const eval::Truth truth = interpreter.test(program->root);
      if (truth != eval::Truth::failed) outcome = truth == eval::Truth::yes ? Outcome::yes : Outcome::no;
    }
    if (interpreter.malformed())
      outcome = raw.may_hold(batch.payload(each)) ? Outcome::malformed : Outcome::no;
    outcomes.push_back(outcome);

    if (!ReferenceParser(batch.payload(each)).valid()) continue;
    // The reference evaluator, and the record as `parse json` hands it on.
    Outcome plain = Outcome::failed;
    try {
      plain = ReferenceEvaluator(program->fields, batch.payload(each)).holds(program->root) ? Outcome::yes
                                                                                            : Outcome::no;
    } catch (const ReferenceEvaluator::Failed&) {
    }
    REQUIRE(outcome == plain);
    if (const auto bytes = try_packed(batch.payload(each))) {
      ++count.packed;
      REQUIRE(outcome_of_msgpack(*program, interpreter, *bytes) == plain);
    }
    Record validated = each;
    validated.validated = true;
    interpreter.begin(batch, validated, true);
    const eval::Truth truth = interpreter.test(program->root);
    REQUIRE(!interpreter.malformed());
    REQUIRE((truth == eval::Truth::failed ? Outcome::failed
             : truth == eval::Truth::yes  ? Outcome::yes
                                          : Outcome::no) == outcome);
  }

  for (const json::Kernel* kernel : json::usable_kernels()) {
    INFO("kernel " << kernel->name);
    RawScan scan(raw, *kernel);
    if (!scan.judge(batch)) continue;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const RawScan::Answer answer = scan.answer(i);
      if (answer == RawScan::Answer::unknown) continue;
      ++count.by_bytes;
      INFO("record: " << batch.payload(batch.records[i]));
      REQUIRE(outcomes[i] == (answer == RawScan::Answer::yes ? Outcome::yes : Outcome::no));
    }
  }

  std::vector<std::uint32_t> slots(program->fields.keys.size());
  for (std::uint32_t i = 0; i < slots.size(); ++i) slots[i] = i;
  const eval::ConditionPlan plan(program->fields, {&program, 1}, {&slots, 1});
  if (plan.usable() && eval::reads_record(program->root)) {
    for (const json::Kernel* kernel : json::usable_kernels()) {
      INFO("columns, kernel " << kernel->name);
      eval::ConditionColumns columns(plan, *kernel);
      for (std::size_t first = 0; first < batch.records.size();) {
        const std::size_t taken = columns.take(batch, first);
        for (std::size_t row = 0; row < taken; ++row) {
          const std::uint32_t held = columns.first_to_hold(row);
          if (held == eval::ConditionColumns::kUnknown) continue;
          ++count.by_columns;
          INFO("record: " << batch.payload(batch.records[first + row]));
          const Outcome judged = outcomes[first + row];
          // What raw bytes call no match may be malformed behind a value that nobody asked for.
          REQUIRE(judged == (held == 0 ? Outcome::yes : Outcome::no));
        }
        first += taken;
      }
    }
  }

  // The stage itself.
  FilterOptions options;
  options.condition = program;
  const auto stage = make_filter(std::move(options));
  Seen seen;
  Batch filtered = batch;
  const auto scratch = stage->make_scratch();
  REQUIRE(stage->process(filtered, scratch.get(), seen).ok());
  std::size_t kept = 0;
  std::size_t dead = 0;
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Record& each = batch.records[i];
    INFO("record: " << batch.payload(each));
    if (outcomes[i] == Outcome::yes) {
      REQUIRE(kept < filtered.records.size());
      REQUIRE(filtered.records[kept++].origin == each.origin);
    } else if (outcomes[i] == Outcome::no) {
      ++dropped;
    } else {
      REQUIRE(dead < seen.dead.size());
      REQUIRE(seen.dead[dead].origin == each.origin);
      const bool parse_error = seen.dead[dead].reason.rfind("parse error: ", 0) == 0;
      REQUIRE(parse_error == (outcomes[i] == Outcome::malformed));
      ++dead;
    }
  }
  REQUIRE(kept == filtered.records.size());
  REQUIRE(dead == seen.dead.size());
  REQUIRE(dropped == seen.filtered);
  count.judged += outcomes.size();
}

// The same program by columns and record by record.
void one_transform(std::uint64_t seed, Count& count) {
  INFO("replay with PIPEC_SEED=" << seed);
  Random random(static_cast<unsigned>(seed));
  Build build;
  Expressions expressions(build, random);
  const auto program = build.transform(expressions.block(1));
  const bool reads = eval::reads_record(program->body);
  const eval::StraightLine line(*program);
  BufferPool pool;
  const auto block = random_block(random, pool);
  Batch one_by_one(block, pool);
  const bool validated = random.chance(20);
  std::erase_if(one_by_one.records, [&](const Record& each) {
    if (random.chance(10)) return true;
    return validated && !ReferenceParser(one_by_one.payload(each)).valid();
  });
  for (Record& each : one_by_one.records) each.validated = validated;
  Batch many = one_by_one;
  Batch alone = one_by_one;

  if (line.usable() && reads) {
    eval::StraightLineRun run(line);
    for (std::size_t first = 0; first < alone.records.size();) {
      const std::size_t taken = run.take(alone, first);
      for (std::size_t row = 0; row < taken; ++row) {
        if (run.outcome(row) != eval::StraightLineRun::Outcome::unknown) ++count.by_columns;
      }
      first += taken;
    }
  }
  Seen seen_alone;
  Seen seen_many;
  eval::TransformRun plain(*program, reads, nullptr);
  eval::TransformRun fast(*program, reads, reads && line.usable() ? &line : nullptr);
  REQUIRE(plain.process(one_by_one, OnError::dead_letter, seen_alone).ok());
  REQUIRE(fast.process(many, OnError::dead_letter, seen_many).ok());
  const Lines expected = lines_of(one_by_one);
  const Lines got = lines_of(many);
  for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
    INFO("record: " << alone.block().original(one_by_one.records[i].origin));
    REQUIRE(got[i] == expected[i]);
    REQUIRE(many.records[i].origin == one_by_one.records[i].origin);
    REQUIRE(many.records[i].validated == one_by_one.records[i].validated);
  }
  REQUIRE(got.size() == expected.size());
  REQUIRE(seen_many.dead == seen_alone.dead);
  count.judged += alone.records.size();
}

// What comes out of some stages and a route behind them.
struct ChainRun {
  ChainRun(const std::vector<std::shared_ptr<const Stage>>& stages, const Router& router,
           const std::shared_ptr<Block>& block, BufferPool& pool, bool outline)
      : arms(2) {
    Batch batch(block, pool);
    std::vector<std::unique_ptr<Scratch>> scratches;
    seen.wants_outline = outline;
    for (const auto& stage : stages) {
      scratches.push_back(stage->make_scratch());
      if (!stage->reads_outline()) batch.outline = {};
      // What the first batch has taught (layouts, what to skip) holds for the second.
      Seen first;
      first.wants_outline = outline;
      Batch same = batch;
      REQUIRE(stage->process(same, scratches.back().get(), first).ok());
      REQUIRE(stage->process(batch, scratches.back().get(), seen).ok());
      outlined += batch.outline ? batch.records.size() : 0;
    }
    if (!router.reads_outline()) batch.outline = {};
    Batch empty = batch;
    empty.records.clear();
    for (Batch& arm : arms) arm = empty;
    scratches.push_back(router.make_scratch());
    REQUIRE(router.route(batch, arms, scratches.back().get(), seen).ok());
    for (Batch& arm : arms) {
      if (!stages.back()->reads_outline()) arm.outline = {};
      outlined += arm.outline ? arm.records.size() : 0;
      scratches.push_back(stages.back()->make_scratch());
      REQUIRE(stages.back()->process(arm, scratches.back().get(), seen).ok());
    }
  }

  std::vector<Batch> arms;
  Seen seen;
  std::uint64_t outlined = 0;
};

// The same stages, each for itself and leaving the next one what it found of the records' structure.
void one_chain(std::uint64_t seed, Count& count) {
  INFO("replay with PIPEC_SEED=" << seed);
  Random random(static_cast<unsigned>(seed));
  Build filter_build;
  Build other_build;
  Build route_build;
  Build transform_build;
  FilterOptions filter;
  filter.condition = filter_build.program(Expressions(filter_build, random).condition(2));
  FilterOptions other;
  other.condition = other_build.program(Expressions(other_build, random).condition(1));
  TransformOptions transform;
  transform.program = transform_build.transform(Expressions(transform_build, random).block(1));
  RouteOptions route;
  route.conditions = {route_build.program(Expressions(route_build, random).condition(1))};
  std::vector<std::shared_ptr<const Stage>> stages;
  if (random.chance(60)) stages.push_back(make_json_parser(OnError::dead_letter));
  stages.push_back(make_filter(std::move(filter)));
  if (random.chance(50)) stages.push_back(make_filter(std::move(other)));
  if (random.chance(30)) stages.push_back(make_transform(TransformOptions(transform)));
  if (random.chance(80)) stages.push_back(make_transform(std::move(transform)));
  const auto router = make_route(std::move(route));
  BufferPool pool;
  const auto block = random_block(random, pool);
  const ChainRun alone(stages, *router, block, pool, false);
  const ChainRun chained(stages, *router, block, pool, true);
  REQUIRE(alone.outlined == 0);
  for (std::size_t arm = 0; arm < 2; ++arm) {
    const Batch& expected = alone.arms[arm];
    const Batch& got = chained.arms[arm];
    REQUIRE(lines_of(got) == lines_of(expected));
    for (std::size_t i = 0; i < got.records.size(); ++i) {
      REQUIRE(got.records[i].origin == expected.records[i].origin);
      REQUIRE(got.records[i].validated == expected.records[i].validated);
    }
  }
  REQUIRE(chained.seen.dead == alone.seen.dead);
  REQUIRE(chained.seen.filtered == alone.seen.filtered);
  count.judged += block->origins.size();
  count.outlined += chained.outlined;
}

// As many as PIPEC_RECORDS wants. False: PIPEC_SEED replayed a single one, of which nothing can be said in
// all.
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

}  // namespace

TEST_CASE("P3 transforms by columns and record by record agree on random programs", "[eval][differential]") {
  Count count;
  if (!rounds(one_transform, count)) return;
  CHECK(count.by_columns * 8 > count.judged);  // else nothing was compared
}

TEST_CASE("P3 stages that leave each other an outline and stages by themselves agree",
          "[eval][differential]") {
  Count count;
  if (!rounds(one_chain, count)) return;
  CHECK(count.outlined * 10 > count.judged);  // else nothing was compared
}

TEST_CASE(
    "P3 raw bytes, index, validated records, MsgPack and a reference evaluator agree on random conditions",
    "[eval][differential]") {
  if (from_environment("PIPEC_RECORDS", 0) != 0) {
    std::printf("differential: seeds from %llu\n",
                static_cast<unsigned long long>(from_environment("PIPEC_FIRST_SEED", 1)));
  }
  Count count;
  if (!rounds(one_round, count)) return;
  CHECK(count.by_bytes * 5 > count.judged);  // else nothing was compared
  CHECK(count.by_columns * 5 > count.judged);
  CHECK(count.packed * 5 > count.judged);
}

TEST_CASE("P3 a field that an `or` comes to is read although its partner is missing", "[eval]") {
  Build build;
  const auto program =
      build.program(build.op(Op::logical_or, build.op(Op::equal, build.field(".a"), build.integer(7)),
                             build.op(Op::less, build.field(".b"), build.field(".d"))));
  BufferPool pool;
  const auto block = block_of({R"({"b":1.,"a":0})", R"({"x":1.,"a":0})", R"({"x":1.,"a":7})"}, pool);
  block->single_lines = true;
  const Batch batch(block, pool);
  const RawFilter raw(*program);
  for (const json::Kernel* kernel : json::usable_kernels()) {
    INFO("kernel " << kernel->name);
    RawScan scan(raw, *kernel);
    REQUIRE(scan.judge(batch));
    CHECK(scan.answer(0) == RawScan::Answer::unknown);  // `1.` is malformed, and read
    CHECK(scan.answer(1) == RawScan::Answer::no);
    CHECK(scan.answer(2) == RawScan::Answer::yes);
  }
}

TEST_CASE("P3 a value that an outline has the place of is no less malformed", "[eval]") {
  Build condition;
  FilterOptions filter;
  filter.condition = condition.program(
      condition.op(Op::greater_equal, condition.op(Op::add, condition.field(".n"), condition.integer(1)),
                   condition.integer(0)));
  Build other;
  FilterOptions behind;
  behind.condition = other.program(other.has(".a"));
  const auto first = make_filter(std::move(filter));
  const auto second = make_filter(std::move(behind));
  BufferPool pool;
  Lines lines;  // long enough for an outline
  for (const char* value : {"[1]", "[1]x", "[1]", "{}]", "[2]", "{\"c\":3}", "[4]", "[5]"})
    lines.push_back(R"({"n":1,"pad":")" + std::string(100, '.') + R"(","a":)" + value + "}");
  Batch batch(block_of(lines, pool), pool);
  Seen seen;
  seen.wants_outline = true;
  const auto first_scratch = first->make_scratch();
  const auto second_scratch = second->make_scratch();
  REQUIRE(first->process(batch, first_scratch.get(), seen).ok());
  REQUIRE(batch.outline);
  REQUIRE(second->process(batch, second_scratch.get(), seen).ok());
  CHECK(batch.records.size() == 6);
  REQUIRE(seen.dead.size() == 2);
  CHECK(seen.dead[0].origin == 3);
  CHECK(seen.dead[1].origin == 1);
}
