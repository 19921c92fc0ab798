#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("items that only move keep their bytes", "[functions]") {
  Caller call(When::running);
  CHECK(call("sort", {from_data("[3.10, 1e1, 2]")}) == "[2,3.10,1e1]");
  CHECK(call("sort", {from_data(R"(["b", "\u0061", "ab"])")}) == R"(["\u0061","ab","b"])");
  CHECK(call("reverse", {from_data(R"([1.10, {"a" : 1}, "\u0061"])")}) == R"(["\u0061",{"a" : 1},1.10])");
  CHECK(call("first", {from_data("[1.10]")}) == "1.10");
  CHECK(call("last", {from_data("[1, 1.10]")}) == "1.10");
  CHECK(call("first", {Value()}) == "null");
  CHECK(call("last", {from_data("[]")}) == "null");
  CHECK(call("values", {from_data(R"({"a": 1.10})")}) == "[1.10]");
}

TEST_CASE("sorting values without an order is an error", "[functions]") {
  Caller call(When::running);
  CHECK(is_error(call("sort", {from_data(R"([1, "a"])")})));
  CHECK(is_error(call("sort", {from_data("[null, 1]")})));
  CHECK(is_error(call("sort", {from_data("[{}, {}]")})));
  CHECK(call("sort", {from_data("[]")}) == "[]");
}

TEST_CASE("unique goes by the language's equality", "[functions]") {
  Caller call(When::running);
  CHECK(call("unique", {from_data(R"([1, 1.0, "1", "a", "\u0061", -0.0, 0, true, null, null])")}) ==
        R"([1,"1","a",-0.0,true,null])");
  CHECK(call("unique", {from_data(R"([{"a":1,"b":[2]}, {"b":[2.0],"a":1}, [1], [1], [1,2]])")}) ==
        R"([{"a":1,"b":[2]},[1],[1,2]])");
  CHECK(call("unique", {from_data("[12345678901234567890, 12345678901234567890, 12345678901234567891]")}) ==
        "[12345678901234567890,12345678901234567891]");
}

TEST_CASE("flatten is deep and bounded", "[functions]") {
  Caller call(When::running);
  CHECK(call("flatten", {from_data("[1,[2,[3,[[]]]],{\"a\":[4]}]")}) == R"([1,2,3,{"a":[4]}])");
  CHECK(call("flatten", {from_data(nested(1024))}) == "[]");
  CHECK(is_error(call("flatten", {from_data(nested(100'000))})));
  CHECK_FALSE(call("unique", {from_data("[" + nested(1000) + "]")}).empty());
}

TEST_CASE("malformed arrays and objects fail and do not crash", "[functions]") {
  Caller call(When::running);
  for (const char* name : {"sort", "unique", "reverse", "flatten", "last", "sum", "len"}) {
    CAPTURE(name);
    CHECK(is_error(call(name, {from_data("[1 2]")})));
  }
  for (const char* name : {"keys", "values", "len"}) {
    CAPTURE(name);
    CHECK(is_error(call(name, {from_data(R"({"a" 1})")})));
  }
  CHECK(is_error(call("to_json", {from_data("[1 2]")})));
  CHECK(is_error(call("string", {from_data("[1 2]")})));
}

TEST_CASE("lambdas", "[functions]") {
  Caller call(When::running);
  const Lambda above_two = [](const Value& x) { return Value::boolean(x.as_int() > 2); };
  const Lambda fails = [](const Value&) { return Value::failed(); };
  CHECK(call("map", {from_data("[1,2]")}, [](const Value& x) { return Value::integer(x.as_int() * 10); }) ==
        "[10,20]");
  CHECK(call("filter", {from_data("[1,3,2,4.0]"), Value()}, [](const Value& x) {
          return x.type() == Type::integer ? Value::boolean(x.as_int() > 2) : Value();
        }) == "[3]");
  CHECK(call("any", {from_data("[1,3]")}, above_two) == "true");
  CHECK(call("all", {from_data("[1,3]")}, above_two) == "false");
  CHECK(call("any", {from_data("[]")}, fails) == "false");
  CHECK(call("all", {from_data("[]")}, fails) == "true");
  CHECK(is_error(call("filter", {from_data("[1]")}, [](const Value&) { return Value::integer(1); })));
}

TEST_CASE("objects keep their order", "[functions]") {
  Caller call(When::running);
  CHECK(call("keys", {from_data(R"({"b":1,"\u0061":2,"b":3})")}) == R"(["b","a"])");
  CHECK(call("values", {from_data(R"({"b":1,"a":2,"b":3})")}) == "[3,2]");
  CHECK(call("merge", {from_data(R"({"a":1,"b":{"x":1}})"), from_data(R"({"c":1.10,"b":{"y":2}})")}) ==
        R"({"a":1,"b":{"y":2},"c":1.10})");
  std::string large = "{";
  for (int i = 0; i < 40; ++i) large += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  const std::string left = large + "\"z\":0}";
  CHECK(call("merge", {from_data(left), from_data(R"({"k39":"new"})")}) ==
        large.substr(0, large.size() - 3) + R"("new","z":0})");
}
