#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

const std::string kRecord =
    R"({"n":1,"s":"x","z":null,"a":[1,[2,3],{"k":"v"}],"o":{"p":{"q":true}},"i":1,"name":"p"})";

std::string of(const Build& build, Expression e, const std::string& record = kRecord) {
  return evaluated(build.program(std::move(e)), record);
}

}  // namespace

TEST_CASE("a missing field reads null, and so does a path through a scalar", "[eval]") {
  Build b;
  CHECK(of(b, b.field(".none")) == "null");
  CHECK(of(b, b.field(".none.deep[3].er")) == "null");
  CHECK(of(b, b.field(".n.x")) == "null");
  CHECK(of(b, b.field(".s[0]")) == "null");
  CHECK(of(b, b.field(".z.x")) == "null");
  CHECK(of(b, b.field(".o[0]")) == "null");
  CHECK(of(b, b.field(".a.k")) == "null");
  CHECK(of(b, b.field(".n"), "[1,2]") == "null");
  CHECK(of(b, b.field(".n"), "17") == "null");
}

TEST_CASE("fields, items from both ends, the whole record", "[eval]") {
  Build b;
  CHECK(of(b, b.field(".o.p.q")) == "true");
  CHECK(of(b, b.field(".a[1][0]")) == "2");
  CHECK(of(b, b.field(".a[-1].k")) == R"("v")");
  CHECK(of(b, b.field(".a[3]")) == "null");
  CHECK(of(b, b.field(".a[-4]")) == "null");
  CHECK(of(b, b.field("."), "[1, 2]") == "[1, 2]");
  CHECK(of(b, b.field(".[1]"), "[1, 2]") == "2");
}

TEST_CASE("computed segments take ints and strings, null leads nowhere", "[eval]") {
  Build b;
  CHECK(of(b, b.field(".a[]", {b.field(".i")})) == "[2,3]");
  CHECK(of(b, b.field(".a[][]", {b.field(".i"), b.integer(-1)})) == "3");
  CHECK(of(b, b.field(".o[].q", {b.field(".name")})) == "true");
  CHECK(of(b, b.field(".[]", {b.string("n")})) == "1");
  CHECK(of(b, b.field(".a[]", {b.field(".none")})) == "null");
  CHECK(of(b, b.field(".a[]", {at(4, b.boolean(true))})) ==
        "!an index into an array must be an int, got true @4");
  CHECK(of(b, b.field(".a[]", {at(4, b.floating(1))})) ==
        "!an index into an array must be an int, got 1.0 @4");
  CHECK(of(b, b.has(".a[]", {b.field(".i")})) == "true");
  CHECK(of(b, b.has(".a[]", {b.null()})) == "false");
  CHECK(of(b, b.field(".o[][][][][][][][]", {b.string("a"), b.string("b"), b.string("c"), b.string("d"),
                                             b.string("e"), b.string("f"), b.string("g"), b.string("h")})) ==
        "null");
}

TEST_CASE("has tells missing from null", "[eval]") {
  Build b;
  CHECK(of(b, b.has(".z")) == "true");
  CHECK(of(b, b.has(".none")) == "false");
  CHECK(of(b, b.has(".o.p.q")) == "true");
  CHECK(of(b, b.has(".o.x.q")) == "false");
  CHECK(of(b, b.has(".n.x")) == "false");
  CHECK(of(b, b.has(".a[2]")) == "true");
  CHECK(of(b, b.has(".a[3]")) == "false");
  CHECK(of(b, b.has(".[0]"), "[null]") == "true");
}

TEST_CASE("elements of values that are no field", "[eval]") {
  Build b;
  const Expression object = b.object({"l", "m"}, {b.array({b.integer(4), b.field(".a")}), b.null()});
  CHECK(of(b, b.element(object, "l[0]")) == "4");
  CHECK(of(b, b.element(object, "l[1][-1].k")) == R"("v")");
  CHECK(of(b, b.element(object, "none.x")) == "null");
  CHECK(of(b, b.element(object, "m.x")) == "null");
  CHECK(of(b, b.element(b.array({b.integer(8), b.integer(9)}), "[]", {b.field(".i")})) == "9");
  CHECK(of(b, b.element(b.array({b.integer(8)}), "[]", {b.null()})) == "null");
}

TEST_CASE("literals are built in the arena and copy data byte for byte", "[eval]") {
  Build b;
  CHECK(of(b, b.array({})) == "[]");
  CHECK(of(b, b.object({}, {})) == "{}");
  CHECK(of(b, b.object({"x", "y"}, {b.field(".f"), b.array({b.field(".g"), b.null()})}),
           R"({"f": 1.10 , "g":{"k" : "\u00fc" } })") == R"({"x":1.10,"y":[{"k" : "\u00fc" },null]})");
}

TEST_CASE("reading a malformed value is a parse error that cannot be caught", "[eval]") {
  Build b;
  const std::string record = R"({"a":01,"b":1})";
  CHECK(of(b, b.field(".b"), record) == "1");
  CHECK(of(b, at(5, b.field(".a")), record).substr(0, 14) == "!parse error: ");
  CHECK(of(b, b.op(Op::catch_error, b.field(".a"), b.integer(1)), record).substr(0, 14) == "!parse error: ");
  CHECK(of(b, b.op(Op::coalesce, b.field(".a"), b.integer(1)), record).substr(0, 14) == "!parse error: ");
  CHECK(of(b, b.field(".b"), R"({"b":1)").substr(0, 14) == "!parse error: ");
}

TEST_CASE("interpolation writes the text of values", "[eval]") {
  Build b;
  const auto text = [&](Expression e) {
    return of(b, b.interpolate({b.string("<"), std::move(e), b.string(">")}));
  };
  CHECK(text(b.field(".s")) == R"("<x>")");
  CHECK(text(b.boolean(true)) == R"("<true>")");
  CHECK(text(b.integer(-5)) == R"("<-5>")");
  CHECK(text(b.floating(2)) == R"("<2.0>")");
  CHECK(text(b.floating(0.1)) == R"("<0.1>")");
  CHECK(text(b.timestamp(1'500'000'000)) == R"("<1970-01-01T00:00:01.500Z>")");
  CHECK(text(b.array({b.integer(1), b.field(".o")})) == R"("<[1,{\"p\":{\"q\":true}}]>")");
  CHECK(text(b.bytes("\xff")) == R"("</w==>")");
  CHECK(text(b.duration(90'000'000'000)) == R"("<90s>")");
  CHECK(text(b.duration(7'200'000'000'000)) == R"("<2h>")");
  CHECK(text(b.duration(1'500'000'000)) == R"("<1500ms>")");
  CHECK(text(b.duration(0)) == R"("<0s>")");
  CHECK(text(b.duration(7)) == R"("<7ns>")");
  CHECK(of(b, b.interpolate({})) == R"("")");
  CHECK(text(at(6, b.field(".none"))) ==
        "!null has no text in \"${}\": use `??` to say what to write instead @6");
}

TEST_CASE("interpolation keeps the text of numbers, compacts arrays, decodes strings", "[eval]") {
  Build b;
  const std::string record =
      R"({"f":1.10,"h":1e400,"o":{ "k" : [ 1 , "a b\" {" ] },"s":"\u00fc\n","bad":[1 2]})";
  CHECK(of(b, b.interpolate({b.field(".f"), b.string(" "), b.field(".h")}), record) == R"("1.10 1e400")");
  CHECK(of(b, b.interpolate({b.field(".o")}), record) == R"("{\"k\":[1,\"a b\\\" {\"]}")");
  CHECK(of(b, b.interpolate({b.field(".s")}), record) == R"("ü\n")");
  CHECK(of(b, b.interpolate({b.field(".bad")}), record).substr(0, 14) == "!parse error: ");
}

TEST_CASE("interpolated() is what functions use", "[eval]") {
  Arena arena;
  CHECK_FALSE(interpolated(Value(), arena));
  CHECK(interpolated(Value::integer(12), arena) == "12");
  CHECK(interpolated(Value::json_string("a\\tb", true), arena) == "a\tb");
  CHECK(interpolated(Value::json_array("[ 1, 2 ]"), arena) == "[1,2]");
}
