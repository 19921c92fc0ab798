// Filters and transforms on MsgPack records: the answers of JSON records, and every byte that no statement
// touched as it came.
#include "support/catch.h"
#include "unit/runtime/msgpack_support.h"
#include "unit/runtime/support/build.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

using Lines = std::vector<std::string>;

std::shared_ptr<const Stage> transform(const Build& build, std::vector<Statement> body) {
  TransformOptions options;
  options.program = build.transform(std::move(body));
  return make_transform(std::move(options));
}

std::shared_ptr<const Stage> filter(const Build& build, Expression condition) {
  FilterOptions options;
  options.condition = build.program(std::move(condition));
  return make_filter(std::move(options));
}

// The records that leave, as they are; dead letters as "!reason @column".
Lines through(const Stage& stage, const Lines& records) {
  BufferPool pool;
  Run run(stage, msgpack_block(records, pool));
  REQUIRE(run.status.ok());
  Lines result;
  for (const Record& record : run.batch.records) {
    CHECK(record.format == Format::msgpack);
    result.emplace_back(run.batch.payload(record));
  }
  for (const DeadRecord& dead : run.seen.dead)
    result.push_back("!" + dead.reason + (dead.column ? " @" + std::to_string(dead.column) : ""));
  return result;
}

std::string one(const Build& build, Statement statement, const std::string& record) {
  std::vector<Statement> body;
  body.push_back(std::move(statement));
  const Lines result = through(*transform(build, std::move(body)), {record});
  REQUIRE(result.size() == 1);
  return result[0];
}

// As JSON both ways.
std::string one_json(const Build& build, Statement statement, const std::string& json) {
  const std::string result = one(build, std::move(statement), packed(json));
  return result.starts_with("!") ? result : unpacked(result);
}

std::string evaluated_on(std::shared_ptr<const Program> program, const std::string& record) {
  BufferPool pool;
  Batch batch(msgpack_block({record}, pool), pool);
  Evaluator evaluator(std::move(program));
  const Value value = evaluator.evaluate(batch, batch.records[0]);
  return value.is_failed() ? "!" + std::string(evaluator.failure().reason) : to_json(value);
}

}  // namespace

TEST_CASE("a filter reads MsgPack fields on demand", "[msgpack][eval]") {
  Build b;
  const auto stage = filter(b, b.op(Op::greater_equal, b.field(".a.b[1]"), b.integer(5)));
  const Lines records = all_packed({R"({"a":{"b":[1,5]}})", R"({"a":{"b":[1,4]}})", R"({"x":"y"})", "[1]",
                                    "7", R"({"a":{"b":[0,12345678901234567890]}})"});
  CHECK(through(*stage, records) == Lines{records[0], records[5]});
  CHECK(through(*filter(b, b.has(".x")), records) == Lines{records[2]});
  CHECK(through(*filter(b, b.op(Op::equal, b.field(".x"), b.string("y"))), records) == Lines{records[2]});
}

TEST_CASE("P1 a malformed MsgPack record is a dead letter, wherever a stage reads it", "[msgpack][eval]") {
  Build b;
  const auto stage = filter(b, b.op(Op::equal, b.field(".a"), b.string("x")));
  CHECK(through(*stage, {"\x81\xa1"
                         "a\xa1\xff"}) == Lines{"!parse error: invalid UTF-8 at byte 4"});
  CHECK(through(*stage, {"\x81\xa1"
                         "a"}) == Lines{"!parse error: unexpected end at byte 3"});
  CHECK(through(*stage, {"\x81\xa1"
                         "a\x01\x02"}) == Lines{"!parse error: unexpected data after the value at byte 4"});
  CHECK(through(*stage, {"\x82\xa1"
                         "a\xa1x\xa1"
                         "b\xc1"}) == Lines{"!parse error: the byte 0xc1 is not MsgPack at byte 7"});
  // Only values that are used are checked.
  const std::string odd =
      "\x82\xa1"
      "a\xa1x\xa1"
      "b\xa1\xff";
  CHECK(through(*stage, {odd}) == Lines{odd});
}

TEST_CASE("set, del, rename and keep copy the other members byte for byte", "[msgpack][eval]") {
  Build b;
  // Heads wider than needed, float 32, bin, ext: {"a": uint 64 1, "b": float 32, "c": str 8 "x", "d": ext 5}
  const std::string a = bytes_of({0xa1, 'a', 0xcf, 0, 0, 0, 0, 0, 0, 0, 1});
  const std::string bb = bytes_of({0xd9, 1, 'b', 0xca, 0x3f, 0x80, 0, 0});
  const std::string c = bytes_of({0xa1, 'c', 0xd9, 1, 'x'});
  const std::string d = bytes_of({0xa1, 'd', 0xc7, 1, 5, 0xff});
  const std::string head = bytes_of({0xde, 0, 4});
  const std::string record = head + a + bb + c + d;
  CHECK(one(b, b.set(".c", b.integer(7)), record) == head + a + bb + bytes_of({0xa1, 'c', 7}) + d);
  CHECK(one(b, b.set(".e", b.integer(7)), record) == "\x85" + a + bb + c + d + bytes_of({0xa1, 'e', 7}));
  CHECK(one(b, b.del({".b", ".none"}), record) == "\x83" + a + c + d);
  CHECK(one(b, b.del({".a", ".b", ".c", ".d"}), record) == "\x80");
  CHECK(one(b, b.rename(".b", ".zz"), record) ==
        head + a + bytes_of({0xa2, 'z', 'z', 0xca, 0x3f, 0x80, 0, 0}) + c + d);
  CHECK(one(b, b.rename(".b", ".d"), record) ==
        "\x83" + a + bytes_of({0xa1, 'd', 0xca, 0x3f, 0x80, 0, 0}) + c);
  CHECK(one(b, b.keep({".d", ".a"}), record) == "\x82" + a + d);
  CHECK(one(b, b.keep({".a", ".b", ".c", ".d"}), record) == record);
  CHECK(one(b, b.set(".a", b.field(".d")), record) ==
        head + bytes_of({0xa1, 'a', 0xc4, 1, 0xff}) + bb + c + d);  // an ext is bytes where it is copied
  CHECK(one(b, b.rename(".d", ".n.m"), record) ==
        head + a + bb + c + bytes_of({0xa1, 'n', 0x81, 0xa1, 'm', 0xc7, 1, 5, 0xff}));
}

TEST_CASE("map heads grow and shrink with the members", "[msgpack][eval]") {
  Build b;
  std::string json = "{";
  for (int i = 0; i < 15; ++i) json += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
  const std::string record = packed(json + "}");
  CHECK(static_cast<unsigned char>(record[0]) == 0x8f);
  const std::string more = one(b, b.set(".x", b.null()), record);
  CHECK(more == bytes_of({0xde, 0, 16}) + record.substr(1) + bytes_of({0xa1, 'x', 0xc0}));
  CHECK(one(b, b.del({".x"}), more) == record);
}

TEST_CASE("edits below the top level and in arrays", "[msgpack][eval]") {
  Build b;
  CHECK(one_json(b, b.set(".a.b.c", b.integer(1)), R"({"a":{"x":1}})") == R"({"a":{"x":1,"b":{"c":1}}})");
  CHECK(one_json(b, b.set(".n.m", b.integer(1)), "{}") == R"({"n":{"m":1}})");
  CHECK(one_json(b, b.set(".a[-1]", b.string("z")), R"({"a":[1,2]})") == R"({"a":[1,"z"]})");
  CHECK(one_json(b, b.set(".a[0].b", b.integer(2)), R"({"a":[{"b":1},3]})") == R"({"a":[{"b":2},3]})");
  CHECK(one_json(b, b.del({".a.b", ".a.c[0]"}), R"({"a":{"b":1,"c":[1,2],"d":0}})") ==
        R"({"a":{"c":[2],"d":0}})");
  CHECK(one_json(b, b.rename(".a.b", ".a.z"), R"({"a":{"b":1,"c":2}})") == R"({"a":{"z":1,"c":2}})");
  CHECK(one_json(b, b.rename(".a.b", ".t"), R"({"a":{"b":[1.5]}})") == R"({"a":{},"t":[1.5]})");
  CHECK(one_json(b, b.keep({".a.b", ".c"}), R"({"a":{"b":1,"x":2},"c":3,"d":4})") ==
        R"({"a":{"b":1},"c":3})");
}

TEST_CASE("impossible edits report the reason, as for JSON", "[msgpack][eval]") {
  Build b;
  CHECK(one_json(b, at(3, b.set(".a.b", b.integer(1))), R"({"a":"s"})") ==
        "!.a is a string, not an object: cannot set .a.b @3");
  CHECK(one_json(b, at(3, b.set(".a[2]", b.integer(1))), R"({"a":[1,2]})") ==
        "!cannot set .a[2]: the array has 2 items @3");
  CHECK(one_json(b, at(3, b.set(".a[0]", b.integer(1))), R"({"a":"s"})") ==
        "!.a is a string, not an array: cannot set .a[0] @3");
  CHECK(one_json(b, b.set(".a[0]", b.integer(1)), R"({"a":{}})") == R"({"a":{"0":1}})");
  CHECK(one_json(b, at(3, b.set(".a", b.integer(1))), "[1]") ==
        "!the record is an array, not an object: cannot set .a @3");
  CHECK(one_json(b, at(3, b.set(".a", b.value(*read_json("1e400")))), "{}") ==
        "!MsgPack cannot represent a number beyond 64 bits @3");
  CHECK(one_json(b, at(3, b.set_record(b.value(*read_json("1e400")))), "{}") ==
        "!MsgPack cannot represent a number beyond 64 bits @3");
  CHECK(one_json(b, at(3, b.emit(b.value(*read_json("1e400")))), "{}") ==
        "!MsgPack cannot represent a number beyond 64 bits @3");
}

TEST_CASE("repeated keys: the last counts, an edit is of all", "[msgpack][eval]") {
  Build b;
  const std::string json = R"({"a":1,"b":0,"a":{"x":2}})";
  CHECK(evaluated_on(b.program(b.field(".a.x")), packed(json)) == "2");
  CHECK(one_json(b, b.set(".a", b.integer(7)), json) == R"({"a":7,"b":0,"a":7})");
  CHECK(one_json(b, b.del({".a"}), json) == R"({"b":0})");
  CHECK(one_json(b, b.rename(".a", ".c"), json) == R"({"b":0,"c":{"x":2}})");
  CHECK(one_json(b, b.set(".a.x", b.integer(3)), json) == R"({"a":{"x":3},"b":0,"a":{"x":3}})");
}

TEST_CASE("times and bytes keep their types in a MsgPack record", "[msgpack][eval]") {
  Build b;
  CHECK(one(b, b.set(".t", b.timestamp(1'000'000'000)), "\x80") ==
        bytes_of({0x81, 0xa1, 't', 0xd6, 0xff, 0, 0, 0, 1}));
  CHECK(one(b, b.set(".t", b.bytes("\xff")), "\x80") == bytes_of({0x81, 0xa1, 't', 0xc4, 1, 0xff}));
  CHECK(one(b, b.set(".u", b.field(".t")), bytes_of({0x81, 0xa1, 't', 0xd6, 0xff, 0, 0, 0, 1})) ==
        bytes_of({0x82, 0xa1, 't', 0xd6, 0xff, 0, 0, 0, 1, 0xa1, 'u', 0xd6, 0xff, 0, 0, 0, 1}));
  // Read in the statement after the one that set it.
  const auto stage = transform(
      b, {b.set(".t", b.timestamp(0)), b.set(".later", b.op(Op::greater, b.timestamp(1), b.field(".t")))});
  CHECK(unpacked(through(*stage, {"\x80"})[0]) == R"({"t":"1970-01-01T00:00:00Z","later":true})");
}

TEST_CASE("a key that is no string is read and edited by its text", "[msgpack][eval]") {
  Build b;
  const std::string record = bytes_of({0x82, 0x01, 0xa1, 'x', 0xc3, 0x05});
  CHECK(evaluated_on(b.program(b.field(".1")), record) == R"("x")");
  CHECK(evaluated_on(b.program(b.field(".true")), record) == "5");
  CHECK(one(b, b.set(".1", b.integer(9)), record) == bytes_of({0x82, 0x01, 0x09, 0xc3, 0x05}));
  CHECK(one(b, b.del({".true"}), record) == bytes_of({0x81, 0x01, 0xa1, 'x'}));
  CHECK(one(b, b.rename(".1", ".n"), record) == bytes_of({0x82, 0xa1, 'n', 0xa1, 'x', 0xc3, 0x05}));
}

TEST_CASE(". =, emit and loops turn MsgPack records into MsgPack records", "[msgpack][eval]") {
  Build b;
  CHECK(one_json(b, b.set_record(b.field(".a")), R"({"a":[1,{"b":2}]})") == R"([1,{"b":2}])");
  CHECK(one_json(b, b.set_record(b.object({"n"}, {b.field(".a")})), R"({"a":1.5})") == R"({"n":1.5})");
  const std::uint32_t item = b.new_local();
  const auto stage = transform(b, {b.loop(item, b.field(".items"), {b.emit(b.local(item))}), b.drop()});
  const Lines out = through(*stage, all_packed({R"({"items":[{"a":1},[2],"x"]})", R"({"items":[]})"}));
  CHECK(out == all_packed({R"({"a":1})", "[2]", R"("x")"}));
  const std::uint32_t key = b.new_local();
  const std::uint32_t member = b.new_local();
  const auto members = transform(
      b, {b.loop(key, member, b.field(".o"), {b.emit(b.object({"k", "v"}, {b.local(key), b.local(member)}))}),
          b.drop()});
  CHECK(through(*members, all_packed({R"({"o":{"x":1,"y":{"z":2},"x":3}})"})) ==
        all_packed({R"({"k":"x","v":3})", R"({"k":"y","v":{"z":2}})"}));
}

TEST_CASE("JSON and MsgPack records of one batch each keep their format", "[msgpack][eval]") {
  Build b;
  const auto stage = transform(b, {b.set(".n", b.op(Op::add, b.field(".n"), b.integer(1)))});
  BufferPool pool;
  const std::string record = packed(R"({"n":1})");
  const auto block = block_of({R"({"n":1})", record, R"({"n":3})", record}, pool);
  Batch batch(block, pool);
  batch.records[1].format = batch.records[3].format = Format::msgpack;
  Seen seen;
  const auto scratch = stage->make_scratch();
  REQUIRE(stage->process(batch, scratch.get(), seen).ok());
  CHECK(lines_of(batch) == Lines{R"({"n":2})", packed(R"({"n":2})"), R"({"n":4})", packed(R"({"n":2})")});
}

TEST_CASE("a MsgPack container as text is its JSON", "[msgpack][eval]") {
  Build b;
  CHECK(evaluated_on(b.program(b.interpolate({b.field(".a"), b.string("|"), b.field(".n")})),
                     packed(R"({"a":{"x":[1,"y"]},"n":18446744073709551615})")) ==
        R"("{\"x\":[1,\"y\"]}|18446744073709551615")");
  CHECK(evaluated_on(b.program(b.op(Op::add, b.field(".n"), b.integer(1))),
                     packed(R"({"n":18446744073709551615})")) ==
        "!arithmetic does not support a number beyond 64 bits: 18446744073709551615");
  CHECK(evaluated_on(b.program(b.op(Op::add, b.field(".a"), b.array({b.integer(9)}))),
                     packed(R"({"a":[1]})")) == "[1,9]");
}
