#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

using Lines = std::vector<std::string>;

std::shared_ptr<const Stage> filter(const Build& build, Expression condition,
                                    OnError on_malformed = OnError::dead_letter) {
  FilterOptions options;
  options.condition = build.program(std::move(condition));
  options.on_malformed = on_malformed;
  return make_filter(std::move(options));
}

bool is_parse_error(const DeadRecord& rejected) {
  return rejected.reason.substr(0, 13) == "parse error: ";
}

std::shared_ptr<const Router> route(std::vector<std::shared_ptr<const Program>> conditions,
                                    OnError on_malformed = OnError::dead_letter) {
  RouteOptions options;
  options.conditions = std::move(conditions);
  options.on_malformed = on_malformed;
  return make_route(std::move(options));
}

struct Routed {
  BufferPool pool;
  std::shared_ptr<Block> block;
  Batch batch;
  std::vector<Batch> arms;
  Seen seen;
  Status status;

  Routed(const Router& router, std::size_t count, const Lines& lines)
      : block(block_of(lines, pool)), batch(block, pool), arms(count, batch) {
    for (Batch& arm : arms) arm.records.clear();
    const auto scratch = router.make_scratch();
    status = router.route(batch, arms, scratch.get(), seen);
  }
};

}  // namespace

TEST_CASE("a filter keeps matching records, in order, and counts the rest", "[eval]") {
  Build b;
  const auto stage = filter(b, b.op(Op::greater_equal, b.field(".n"), b.integer(5)));
  Run run(*stage, {R"({"n":5})", R"({"n":4})", R"({"x":1})", R"({"n":"9"})", R"({"n":9.5})", "[1]", "7"});
  CHECK(run.status.ok());
  CHECK(run.lines() == Lines{R"({"n":5})", R"({"n":9.5})"});
  CHECK(run.batch.records[1].origin == 4);
  CHECK(run.batch.records[1].buffer == 0);  // nothing was copied
  CHECK(run.seen.filtered == 5);
  CHECK(run.seen.dead.empty());
}

TEST_CASE("D8 a batch whose records are all filtered is an empty batch, not a failed one", "[eval]") {
  Build b;
  Run run(*filter(b, b.field(".none")), {"{}", "{}", "{}"});
  CHECK(run.status.ok());
  CHECK(run.batch.records.empty());
  CHECK(run.seen.filtered == 3);
  Run empty(*filter(b, b.field(".none")), Lines{});
  CHECK(empty.status.ok());
  CHECK(empty.seen.filtered == 0);
}

TEST_CASE("a condition that fails dead-letters its record with place and reason, the others go on",
          "[eval]") {
  Build b;
  const auto stage = filter(b, at(12, b.field(".ok")));
  Run run(*stage, {R"({"ok":true})", R"({"ok":"yes"})", R"({"ok":null})", R"({"ok":true,"x":1})"});
  CHECK(run.lines() == Lines{R"({"ok":true})", R"({"ok":true,"x":1})"});
  CHECK(run.seen.dead == std::vector<DeadRecord>{{1, "a condition must be a bool, got string", 12}});
  CHECK(run.seen.filtered == 1);
}

TEST_CASE("else dlq dead-letters records that do not match, at the stage's place", "[eval]") {
  Build b;
  FilterOptions options;
  options.condition = b.program(b.field(".ok"));
  options.otherwise = FilterOptions::Else::dead_letter;
  options.dead_letter_reason = "not ok";
  Run run(*make_filter(options), {R"({"ok":false})", R"({"ok":true})"});
  CHECK(run.lines() == Lines{R"({"ok":true})"});
  CHECK(run.seen.dead == std::vector<DeadRecord>{{0, "not ok", 0}});
  CHECK(run.seen.filtered == 0);
}

TEST_CASE("P1 a filter that reads no field does not look at the records", "[eval]") {
  Build b;
  const auto stage = filter(b, b.op(Op::greater, b.metadata(MetadataField::offset), b.integer(0)));
  Run run(*stage, {"{not json", "\xff\xfe", R"({"a":)"});
  CHECK(run.lines() == Lines{"\xff\xfe", R"({"a":)"});
  CHECK(run.seen.dead.empty());
}

TEST_CASE("P3 validated records and others give the same answers", "[eval]") {
  Build b;
  const auto stage = filter(b, b.op(Op::equal, b.field(".a.b[1]"), b.string("é\n")));
  const Lines lines = {R"({"a":{"b":[0,"\u00e9\n"]}})", R"({ "a" : {"b":[0,"x"], "b":[1,"é\u000a"]}})",
                       R"({"a":[]})", R"({"\u0061":{"b":[0,"é\n"]}})"};
  Run without(*stage, lines, false);
  Run with(*stage, lines, true);
  CHECK(without.lines() == with.lines());
  CHECK(with.batch.records.size() == 3);
}

TEST_CASE("P4 a malformed record is dead-lettered by default and the survivors go on", "[eval]") {
  Build b;
  const auto stage = filter(b, b.op(Op::not_equal, b.field(".n"), b.integer(1)));
  Run run(*stage, {R"({"n":2})", R"({"n":3)", "nonsense", R"({"n":01})", R"({"n":4})"});
  CHECK(run.lines() == Lines{R"({"n":2})", R"({"n":4})"});
  REQUIRE(run.seen.dead.size() == 3);
  for (const DeadRecord& rejected : run.seen.dead) {
    INFO(rejected.reason);
    CHECK(is_parse_error(rejected));
  }
  CHECK(run.seen.errors == 0);
}

TEST_CASE("P5 on_error skip drops and counts, P6 fail fails the batch", "[eval]") {
  Build b;
  const Expression condition = b.op(Op::not_equal, b.field(".n"), b.integer(1));
  Run skip(*filter(b, condition, OnError::skip), {"{", R"({"n":2})"});
  CHECK(skip.lines() == Lines{R"({"n":2})"});
  CHECK(skip.seen.dead.empty());
  CHECK(skip.seen.errors == 1);

  Run fail(*filter(b, condition, OnError::fail), {R"({"n":2})", "{"});
  REQUIRE_FALSE(fail.status.ok());
  CHECK(fail.status.error().message.substr(0, 13) == "parse error: ");
  CHECK(fail.status.error().message.find("position 8 of in.ndjson") != std::string::npos);
}

TEST_CASE("a record without the bytes of a key that the condition needs is no match, malformed or not",
          "[eval]") {
  Build b;
  const Expression needs_a = b.op(Op::equal, b.field(".a"), b.integer(1));
  const Expression needs_both = b.op(Op::logical_and, b.op(Op::less, b.integer(0), b.field(".b")), needs_a);
  const Lines lines = {R"({"a":1)", R"({"b":1)", "garbage", R"({"\u0061":1)"};
  Run one(*filter(b, needs_a), lines);
  CHECK(one.seen.filtered == 2);
  CHECK(one.seen.dead.size() == 2);  // the key is present, or an escape of it may be
  Run both(*filter(b, needs_both), lines);
  CHECK(both.seen.filtered == 3);
  Run has(*filter(b, b.has(".a")), lines);
  CHECK(has.seen.filtered == 2);
  Run null(*filter(b, b.op(Op::equal, b.field(".a"), b.null())), lines);
  CHECK(null.seen.filtered == 0);  // absence can hold: every record is read to its end
  Run negated(*filter(b, b.op(Op::logical_not, needs_a)), lines);
  CHECK(negated.seen.filtered == 0);
}

TEST_CASE("a MsgPack record is read on demand", "[eval]") {
  Build b;
  BufferPool pool;
  const auto block = block_of({"\x81\xa1"
                               "a\x01"},
                              pool);
  block->format = Format::msgpack;
  Run run(*filter(b, b.has(".a")), block);
  CHECK(run.seen.dead.empty());
  CHECK(run.batch.records.size() == 1);
}

TEST_CASE("route takes the first arm that holds, the last one is else", "[eval]") {
  Build one;
  Build two;
  two.fields.slot_of("unused");  // the programs number their slots differently
  const auto router = route({one.program(one.op(Op::equal, one.field(".l"), one.string("debug"))),
                             two.program(two.op(Op::greater_equal, two.field(".s"), two.integer(500)))});
  Routed routed(*router, 3,
                {R"({"s":500,"l":"x"})", R"({"l":"debug","s":900})", R"({"s":2})", R"({"s":501})"});
  CHECK(routed.status.ok());
  CHECK(lines_of(routed.arms[0]) == Lines{R"({"l":"debug","s":900})"});
  CHECK(lines_of(routed.arms[1]) == Lines{R"({"s":500,"l":"x"})", R"({"s":501})"});
  CHECK(lines_of(routed.arms[2]) == Lines{R"({"s":2})"});
}

TEST_CASE("route dead-letters a record on which a condition fails, or that is malformed", "[eval]") {
  Build b;
  const auto router = route({b.program(at(3, b.field(".ok")))});
  Routed routed(*router, 2, {R"({"ok":1})", "{", R"({"ok":true})", R"({})"});
  CHECK(routed.arms[0].records.size() == 1);
  CHECK(routed.arms[1].records.size() == 1);
  REQUIRE(routed.seen.dead.size() == 2);
  CHECK(routed.seen.dead[0] == DeadRecord{0, "a condition must be a bool, got int", 3});
  CHECK(is_parse_error(routed.seen.dead[1]));
  Routed failed(*route({b.program(b.field(".ok"))}, OnError::fail), 2, {"{"});
  CHECK_FALSE(failed.status.ok());
}

TEST_CASE("P1 a route on metadata alone does not look at the records", "[eval]") {
  Build b;
  const auto router = route({b.program(b.op(Op::equal, b.metadata(MetadataField::offset), b.integer(0)))});
  Routed routed(*router, 2, {"{", "}"});
  CHECK(lines_of(routed.arms[0]) == Lines{"{"});
  CHECK(lines_of(routed.arms[1]) == Lines{"}"});
}
