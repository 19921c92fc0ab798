#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

using Lines = std::vector<std::string>;
using Dead = std::vector<DeadRecord>;

std::shared_ptr<const Stage> transform(const Build& build, std::vector<Statement> body,
                                       OnError on_malformed = OnError::dead_letter) {
  TransformOptions options;
  options.program = build.transform(std::move(body));
  options.on_malformed = on_malformed;
  return make_transform(std::move(options));
}

// The lines that leave for the lines that come; a dead letter as "!reason @column".
Lines through(const Build& build, std::vector<Statement> body, const Lines& lines) {
  Run run(*transform(build, std::move(body)), lines);
  REQUIRE(run.status.ok());
  Lines result = run.lines();
  for (const DeadRecord& dead : run.seen.dead) {
    result.push_back("!" + dead.reason + (dead.column ? " @" + std::to_string(dead.column) : ""));
  }
  return result;
}

std::string one(const Build& build, Statement statement, const std::string& line) {
  std::vector<Statement> body;
  body.push_back(std::move(statement));
  const Lines result = through(build, std::move(body), {line});
  REQUIRE(result.size() == 1);
  return result[0];
}

Expression failing(Build& b) {
  return at(99, b.op(Op::divide, b.integer(1), b.integer(0)));
}

}  // namespace

TEST_CASE("set keeps places, appends new fields, creates parents", "[eval]") {
  Build b;
  CHECK(one(b, b.set(".a", b.integer(2)), R"({"a": 1, "b":1.10})") == R"({"a": 2, "b":1.10})");
  CHECK(one(b, b.set(".c", b.integer(2)), R"({"a":1})") == R"({"a":1,"c":2})");
  CHECK(one(b, b.set(".x.y.z", b.integer(2)), R"({"a":1})") == R"({"a":1,"x":{"y":{"z":2}}})");
  CHECK(one(b, b.set(".a[1]", b.string("n")), R"({"a":[0, 1 ,2]})") == R"({"a":[0, "n" ,2]})");
  CHECK(one(b, b.set(".a[]", b.string("n"), {b.field(".i")}), R"({"a":[0,1],"i":-1})") ==
        R"({"a":[0,"n"],"i":-1})");
  CHECK(one(b, b.set(".a", b.field(".b")), R"({"a":1,"b":{ "k" : 1e400 }})") ==
        R"({"a":{ "k" : 1e400 },"b":{ "k" : 1e400 }})");
}

TEST_CASE("later statements see earlier ones", "[eval]") {
  Build b;
  CHECK(through(b,
                {b.set(".a", b.op(Op::add, b.field(".a"), b.integer(1))), b.set(".b", b.field(".a")),
                 b.del({".a"}), b.set(".c", b.has(".a"))},
                {R"({"a":1})"}) == Lines{R"({"b":2,"c":false})"});
}

TEST_CASE("an impossible edit reports the obstacle", "[eval]") {
  Build b;
  CHECK(one(b, at(3, b.set(".a.b", b.integer(1))), R"({"a":"s"})") ==
        "!.a is a string, not an object: cannot set .a.b @3");
  CHECK(one(b, at(3, b.set(".a.b", b.integer(1))), R"({"a":null})") ==
        "!.a is null, not an object: cannot set .a.b @3");
  CHECK(one(b, at(3, b.set(".a[2]", b.integer(1))), R"({"a":[1,2]})") ==
        "!cannot set .a[2]: the array has 2 items @3");
  CHECK(one(b, at(3, b.set(".a[0]", b.integer(1))), R"({"a":"s"})") ==
        "!.a is a string, not an array: cannot set .a[0] @3");
  CHECK(one(b, b.set(".a[0]", b.integer(1)), R"({"a":{}})") == R"({"a":{"0":1}})");
  CHECK(one(b, at(3, b.set(".a", b.integer(1))), "[1]") ==
        "!the record is an array, not an object: cannot set .a @3");
  CHECK(one(b, at(3, b.set(".a[]", b.integer(1), {b.null()})), R"({"a":[1]})") ==
        "!an index in .a[] is null @3");
  CHECK(one(b, at(3, b.set(".a", b.duration(1))), R"({"a":1})") == "!a duration cannot be part of a record");
  CHECK(one(b, b.set(".a", b.array({b.object({"k"}, {b.duration(1)})})), R"({"a":1})") ==
        "!a duration cannot be part of a record");
}

TEST_CASE("del, keep and rename", "[eval]") {
  Build b;
  CHECK(one(b, b.del({".a", ".b.c", ".none"}), R"({"a":1,"b":{"c":1,"d":2},"e":3})") ==
        R"({"b":{"d":2},"e":3})");
  CHECK(one(b, b.keep({".a", ".c"}), R"({"a":1.10,"b":2,"c":3})") == R"({"a":1.10,"c":3})");
  CHECK(one(b, b.rename(".a", ".z"), R"({"a":1.10,"b":2})") == R"({"z":1.10,"b":2})");
  CHECK(one(b, b.rename(".none", ".z"), R"({"a":1})") == R"({"a":1})");
}

TEST_CASE("an edit below a field that was set is kept if keys are repeated", "[eval]") {
  Build b;
  CHECK(through(b, {b.set(".a", b.array({b.null(), b.integer(1)})), b.del({".a[0]"})},
                {R"({"a":0,"b":1,"b":2})", R"({"a":0,"a":1})"}) ==
        Lines{R"({"a":[1],"b":1,"b":2})", R"({"a":[1],"a":[1]})"});
  CHECK(through(b, {b.set(".c", b.timestamp(0)), b.rename(".b", ".c"), b.set(".d", b.field(".c"))},
                {R"({"b":1,"c":0,"c":0})"}) == Lines{R"({"c":1,"d":1})"});
}

TEST_CASE("keep removes fields, even those that were set below the top level", "[eval]") {
  Build b;
  const auto reads = [&](std::initializer_list<std::string_view> kept) {
    return through(b,
                   {b.set(".a.t", b.timestamp(0)), b.set(".a.u", b.timestamp(0)), b.keep(kept),
                    b.set(".z", b.field(".a.t"))},
                   {R"({"b":1})", R"({"b":1,"b":2})"});
  };
  CHECK(reads({".b"}) == Lines{R"({"b":1,"z":null})", R"({"b":1,"b":2,"z":null})"});
  CHECK(reads({".a.u"}) == Lines(2, R"({"a":{"u":"1970-01-01T00:00:00Z"},"z":null})"));
  CHECK(reads({".a.t"}) == Lines(2, R"({"a":{"t":"1970-01-01T00:00:00Z"},"z":"1970-01-01T00:00:00Z"})"));
}

TEST_CASE("new values leave as JSON: timestamps RFC 3339, bytes base64", "[eval]") {
  Build b;
  CHECK(one(b, b.set(".t", b.timestamp(0)), "{}") == R"({"t":"1970-01-01T00:00:00Z"})");
  CHECK(one(b, b.set(".t", b.bytes("\xff")), "{}") == R"({"t":"/w=="})");
}

TEST_CASE("a record that no statement changed keeps its bytes in place", "[eval]") {
  Build b;
  Run run(*transform(b, {b.when(b.field(".x"), {b.set(".y", b.integer(1))})}),
          {R"({"a": 1})", R"({"x":true})"});
  CHECK(run.lines() == Lines{R"({"a": 1})", R"({"x":true,"y":1})"});
  CHECK(run.batch.records[0].buffer == 0);
  CHECK(run.batch.records[1].buffer == 1);
}

TEST_CASE("written records are adjacent, each followed by a newline", "[eval]") {
  Build b;
  Run run(*transform(b, {b.set(".y", b.integer(1))}), {"{}", "{}"});
  CHECK(run.batch.buffers[1]->view() == "{\"y\":1}\n{\"y\":1}\n");
  CHECK(run.batch.buffers[1]->capacity() + Buffer::kPadding >=
        run.batch.buffers[1]->size() + Buffer::kPadding);
}

TEST_CASE(". = replaces the record, by any JSON value", "[eval]") {
  Build b;
  CHECK(one(b, b.set_record(b.field(".a")), R"({"a":[1, 2]})") == "[1, 2]");
  CHECK(one(b, b.set_record(b.integer(5)), "{}") == "5");
  CHECK(through(b, {b.set_record(b.object({"o"}, {b.field(".")})), b.set(".n", b.integer(1))},
                {R"({"a": 1})"}) == Lines{R"({"o":{"a": 1},"n":1})"});
}

TEST_CASE("let, if, else if, else", "[eval]") {
  Build b;
  const std::uint32_t x = b.new_local();
  const auto body = [&] {
    return std::vector<Statement>{
        b.let(x, b.op(Op::multiply, b.field(".n"), b.integer(2))),
        b.when(b.op(Op::greater, b.local(x), b.integer(10)), {b.set(".r", b.string("big"))},
               {b.when(b.op(Op::greater, b.local(x), b.integer(4)), {b.set(".r", b.string("mid"))},
                       {b.set(".r", b.local(x))})})};
  };
  CHECK(through(b, body(), {R"({"n":9})", R"({"n":3})", R"({"n":1})"}) ==
        Lines{R"({"n":9,"r":"big"})", R"({"n":3,"r":"mid"})", R"({"n":1,"r":2})"});
  CHECK(one(b, b.when(at(4, b.integer(1)), {}), "{}") == "!a condition must be a bool, got int @4");
}

TEST_CASE("emit sends records on before the current one, which drop ends", "[eval]") {
  Build b;
  const std::uint32_t x = b.new_local();
  CHECK(through(b, {b.emit(b.integer(1)), b.emit(b.field(".")), b.set(".a", b.integer(2))},
                {R"({"a": 1})"}) == Lines{"1", R"({"a": 1})", R"({"a": 2})"});
  CHECK(through(b, {b.loop(x, b.field(".items"), {b.emit(b.local(x))}), b.drop(), b.emit(b.null())},
                {R"({"items":[{"k": 1},[ ],1.10]})", R"({"items":[]})"}) ==
        Lines{R"({"k": 1})", "[ ]", "1.10"});
}

TEST_CASE("D1 records that are emitted keep their origin and metadata", "[eval]") {
  Build b;
  BufferPool pool;
  const auto block = block_of({"{}", "{}"}, pool);
  block->metadata.resize(2);
  block->metadata[1].key = "k";
  Run run(*transform(b, {b.emit(b.integer(1))}), block);
  REQUIRE(run.batch.records.size() == 4);
  CHECK(run.batch.records[2].origin == 1);
  CHECK(run.batch.metadata_of(run.batch.records[2])->key == "k");
  CHECK(run.batch.metadata_of(run.batch.records[3])->key == "k");
}

TEST_CASE("D8 dropping everything leaves an empty batch", "[eval]") {
  Build b;
  Run run(*transform(b, {b.drop()}), {"{}", "not json"});
  CHECK(run.status.ok());
  CHECK(run.batch.records.empty());
  CHECK(run.seen.dead.empty());
  CHECK(run.seen.filtered == 0);
}

TEST_CASE("a failure anywhere dead-letters the whole record: its emitted records are discarded", "[eval]") {
  Build b;
  const Expression good = b.field(".ok");
  Run run(*transform(b, {b.set_metadata(MetadataField::key, b.string("k")), b.emit(b.field(".n")),
                         b.when(good, {}, {b.set(".x", failing(b))})}),
          {R"({"n":1,"ok":true})", R"({"n":2})", R"({"n":3,"ok":true})"});
  CHECK(run.lines() == Lines{"1", R"({"n":1,"ok":true})", "3", R"({"n":3,"ok":true})"});
  CHECK(run.seen.dead == Dead{{1, "division by zero", 99}});
  CHECK(run.batch.buffers[1]->view() == "1\n3\n");
  CHECK(run.batch.metadata.size() == 2);
}

TEST_CASE("dlq dead-letters with its reason, and discards earlier emits", "[eval]") {
  Build b;
  CHECK(through(b, {b.emit(b.integer(1)), at(5, b.dlq(b.interpolate({b.string("bad "), b.field(".a")})))},
                {R"({"a":1})"}) == Lines{"!bad 1 @5"});
  CHECK(one(b, at(5, b.dlq(b.field(".a"))), R"({"a":[1, 2]})") == "![1,2] @5");
  CHECK(one(b, at(5, b.dlq(failing(b))), R"({"a":1})") == "!division by zero @99");
}

TEST_CASE("loops over arrays and objects", "[eval]") {
  Build b;
  const std::uint32_t k = b.new_local();
  const std::uint32_t v = b.new_local();
  const auto pairs = [&] {
    return std::vector<Statement>{b.loop(k, v, b.field(".o"), {b.emit(b.array({b.local(k), b.local(v)}))}),
                                  b.drop()};
  };
  CHECK(through(b, pairs(), {R"({"o":{"a":1,"b":2,"a":3}})"}) == Lines{R"(["a",3])", R"(["b",2])"});
  CHECK(through(b, pairs(), {R"({"o":["x","y"]})"}) == Lines{R"([0,"x"])", R"([1,"y"])"});
  CHECK(one(b, b.loop(k, at(6, b.field(".o")), {}), R"({"o":{}})") ==
        "!`for` with one name runs over an array, got object: with two it has keys and values @6");
  CHECK(one(b, b.loop(k, at(6, b.field(".o")), {}), R"({"o":1})") ==
        "!`for` runs over an array or an object, got int @6");
  CHECK(one(b, b.loop(k, b.field(".o"), {b.drop()}), "{}") == "{}");
  // The loop runs over what was there when it began.
  CHECK(through(b, {b.loop(k, b.field(".o"), {b.del({".o"}), b.set(".n", b.local(k))})},
                {R"({"o":[1,2]})"}) == Lines{R"({"n":2})"});
  CHECK(through(b, {b.loop(k, b.field(".o"), {b.drop()}), b.emit(b.null())}, {R"({"o":[1,2]})"}).empty());
}

TEST_CASE("metadata is assigned to the record alone, and read back", "[eval]") {
  Build b;
  BufferPool pool;
  const auto block = block_of({R"({"k":"new"})", "{}"}, pool);
  block->metadata.resize(2);
  block->metadata[0].key = "old";
  block->metadata[0].headers = {{"a", "1"}, {"b", "2"}};
  const std::uint32_t before = b.new_local();
  Run run(*transform(b, {b.let(before, b.metadata(MetadataField::key)),
                         b.set_metadata(MetadataField::key, b.field(".k")),
                         b.set_metadata(MetadataField::timestamp, b.timestamp(7)),
                         b.set_metadata(MetadataField::header, b.string("3"), "c"),
                         b.set_metadata(MetadataField::header, b.null(), "a"),
                         b.emit(b.array({b.local(before), b.metadata(MetadataField::key),
                                         b.metadata(MetadataField::headers)})),
                         b.set_metadata(MetadataField::headers, b.object({"h"}, {b.bytes("\xff")}))}),
          block);
  REQUIRE(run.batch.records.size() == 4);
  CHECK(run.lines()[0] == R"(["old","new",{"b":"2","c":"3"}])");
  const Metadata& emitted = *run.batch.metadata_of(run.batch.records[0]);
  CHECK(emitted.key == "new");
  CHECK(emitted.headers.size() == 2);
  const Metadata& current = *run.batch.metadata_of(run.batch.records[1]);
  CHECK(current.timestamp == 7);
  REQUIRE(current.headers.size() == 1);
  CHECK(current.headers[0].value == "\xff");
  CHECK(run.batch.records[1].buffer == 0);  // its bytes did not change
  CHECK_FALSE(run.batch.metadata_of(run.batch.records[3])->key);
  CHECK(block->metadata[0].key == "old");
}

TEST_CASE("metadata of a wrong type is a failure", "[eval]") {
  Build b;
  CHECK(one(b, b.set_metadata(MetadataField::key, at(2, b.integer(1))), "{}") ==
        "!@key takes a string, bytes or null, got int @2");
  CHECK(one(b, b.set_metadata(MetadataField::timestamp, at(2, b.integer(1))), "{}") ==
        "!@timestamp takes a timestamp or null, got int @2");
  CHECK(one(b, b.set_metadata(MetadataField::headers, at(2, b.array({}))), "{}") ==
        "!@headers takes an object or null, got array @2");
  CHECK(one(b, b.set_metadata(MetadataField::header, at(2, b.integer(1)), "h"), "{}") ==
        "!a header takes a string, bytes or null, got int @2");
}

TEST_CASE("P1 a transform that touches metadata alone does not look at the records", "[eval]") {
  Build b;
  Run run(*transform(b, {b.set_metadata(MetadataField::key, b.string("k"))}), {"{not json"});
  CHECK(run.lines() == Lines{"{not json"});
  CHECK(run.batch.metadata_of(run.batch.records[0])->key == "k");
}

TEST_CASE("P4 P5 P6 malformed records of a transform", "[eval]") {
  Build b;
  const auto body = [&] { return std::vector<Statement>{b.set(".a", b.field(".b"))}; };
  const Lines lines = {"{", R"({"b":1})", R"({"b":tru})"};
  Run dead(*transform(b, body()), lines);
  CHECK(dead.lines() == Lines{R"({"b":1,"a":1})"});
  REQUIRE(dead.seen.dead.size() == 2);
  CHECK(dead.seen.dead[1].reason.substr(0, 13) == "parse error: ");
  Run skip(*transform(b, body(), OnError::skip), lines);
  CHECK(skip.seen.errors == 2);
  CHECK(skip.seen.dead.empty());
  Run fail(*transform(b, body(), OnError::fail), lines);
  CHECK_FALSE(fail.status.ok());
}

TEST_CASE("records known to be valid are marked as valid", "[eval]") {
  Build b;
  const auto marked = [&](std::vector<Statement> body, bool validated) {
    Run run(*transform(b, std::move(body)), {R"({"a":[1],"n":1})"}, validated);
    std::string marks;
    for (const Record& record : run.batch.records) marks += record.validated ? 'v' : '-';
    return marks;
  };
  CHECK(marked({b.set(".x", b.integer(1))}, false) == "-");
  CHECK(marked({b.set(".x", b.field(".a"))}, true) == "v");
  CHECK(marked({b.emit(b.field(".a")), b.emit(b.field(".n")), b.emit(b.object({"k"}, {b.field(".n")}))},
               false) == "-vv-");
  CHECK(marked({b.set_record(b.object({"k"}, {b.field(".n")}))}, false) == "v");
  CHECK(marked({b.set_record(b.object({"k"}, {b.field(".a")}))}, false) == "-");
}

TEST_CASE("a value that a loop puts into itself ends as a dead letter, not with the memory", "[eval]") {
  Build b;
  const std::uint32_t x = b.new_local();
  std::string items = "[0";
  for (int i = 0; i < 3000; ++i) items += ",0";
  const std::string line = R"({"a":1,"s":"0123456789","items":)" + items + "]}";
  CHECK(through(b, {b.loop(x, b.field(".items"), {b.set(".a", b.array({b.field(".a")}))})}, {line})[0].substr(
            0, 33) == "!a value nested deeper than 1024");
  CHECK(through(b, {b.loop(x, b.field(".items"), {b.set(".a", b.array({b.field(".a"), b.field(".a")}))})},
                {line})[0] == "!a value too large for a record");
  CHECK(through(b, {b.loop(x, b.field(".items"), {b.set(".s", b.op(Op::add, b.field(".s"), b.field(".s")))})},
                {line})[0] == "!a string longer than 64 MiB");
}

TEST_CASE("long reasons are truncated between characters", "[eval]") {
  Build b;
  std::string text;
  for (int i = 0; i < 400; ++i) text += "\xc3\xa4";
  const std::string reason = one(b, b.dlq(b.string(text)), "{}");
  CHECK(reason.size() == 1 + 480 - 2 + 3);
  CHECK(reason.substr(reason.size() - 5) == "\xc3\xa4...");
}

TEST_CASE("a record that evaluates to null is a dead letter, a literal null is not", "[eval]") {
  Build b;
  const auto meant = [](Statement statement) {
    statement.null_meant = true;
    return statement;
  };
  const std::string dead = "!no value to emit: the expression is null @7";
  CHECK(one(b, at(7, b.set_record(b.field(".none"))), R"({"a":1})") == dead);
  CHECK(one(b, at(7, b.emit(b.field(".none"))), R"({"a":1})") == dead);
  CHECK(one(b, meant(b.set_record(b.null())), R"({"a":1})") == "null");
  CHECK(through(b, {meant(b.emit(b.null())), b.drop()}, {R"({"a":1})"}) == Lines{"null"});
  // Only the final record counts, not intermediate values.
  CHECK(through(b, {b.set_record(b.field(".none")), b.set_record(b.integer(2))}, {R"({"a":1})"}) ==
        Lines{"2"});
  CHECK(through(b, {b.set_record(b.field(".none")), b.drop()}, {R"({"a":1})"}).empty());
}
