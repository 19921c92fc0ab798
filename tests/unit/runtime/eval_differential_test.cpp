// Random conditions over random and hostile records: the raw filter, the index, validated records, the same
// records as MsgPack and a plain reference evaluator must agree.
#include <cstdio>

#include "runtime/eval/condition_columns.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/raw_filter.h"
#include "runtime/eval/usage.h"
#include "support/catch.h"
#include "unit/runtime/eval_random.h"
#include "unit/runtime/eval_reference.h"
#include "unit/runtime/msgpack_support.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

using eval::RawFilter;
using eval::RawScan;

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
      judge_by_columns(columns, batch, [&](std::size_t record, bool holds) {
        ++count.by_columns;
        INFO("record: " << batch.payload(batch.records[record]));
        // A record without a match by raw bytes may be malformed after the last value that was read.
        REQUIRE(outcomes[record] == (holds ? Outcome::yes : Outcome::no));
      });
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
  BufferPool pool;
  const auto block = random_block(random, pool);
  Batch batch(block, pool);
  const bool validated = random.chance(20);
  std::erase_if(batch.records, [&](const Record& each) {
    if (random.chance(10)) return true;
    return validated && !ReferenceParser(batch.payload(each)).valid();
  });
  for (Record& each : batch.records) each.validated = validated;
  count.by_columns += same_both_ways(*program, batch);
  count.judged += batch.records.size();
}

// The output of some stages followed by a route.
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
      // The second batch uses what the first one taught (shapes, what to skip).
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

TEST_CASE("P3 a field of a comparison after `or` is read even if the other operand is missing", "[eval]") {
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
