#include <string>

#include "support/catch.h"
#include "unit/compiler/harness.h"

using namespace pipec::compiler::test;

TEST_CASE("constant expressions are folded by the evaluator that would run them") {
  CHECK(value_of("1 + 2 * 3") == "7");
  CHECK(value_of("\"a\" + \"b\"") == "\"ab\"");
  CHECK(value_of("[1, 2 + 3, \"x\"]") == "[1,5,\"x\"]");
  CHECK(value_of("{a: 1, \"b\": {c: [true, null]}}") == "{\"a\":1,\"b\":{\"c\":[true,null]}}");
  CHECK(value_of("{a: 1, b: 2, a: 3}") == "{\"a\":3,\"b\":2}");
  CHECK(value_of("if 1 < 2 { \"yes\" } else { \"no\" }") == "\"yes\"");
  CHECK(value_of("\"${1 + 1} of ${[1, 2]}\"") == "\"2 of [1,2]\"");
  CHECK(value_of("upper(\"abc\")") == "\"ABC\"");
  CHECK(value_of("next(1)") == "2");
  CHECK(value_of("next(1, by: 5)") == "6");
  CHECK(value_of("null ?? 5") == "5");
  CHECK(value_of("2 in [1, 2]") == "true");
  CHECK(value_of("\"hello\" matches r\"ell\"") == "true");
  CHECK(value_of("1MiB") == "1048576");
}

TEST_CASE("calls that need a record, a clock or randomness are not folded") {
  CHECK(value_of(".a + 1") == "not constant");
  CHECK(value_of("@offset") == "not constant");
  CHECK(value_of("clock()") == "not constant");
}

TEST_CASE("a constant that fails is an error unless something catches it") {
  CHECK(codes_of("1 / 0") == std::vector<std::string>{"E0305"});
  CHECK(codes_of(".a + 1 / 0") == std::vector<std::string>{"E0305"});
  CHECK(codes_of("fails(\"x\")") == std::vector<std::string>{"E0305"});
  CHECK(value_of("1 / 0 catch 5") == "5");
  CHECK(value_of("fails(\"x\") catch \"y\"") == "\"y\"");
  CHECK(codes_of("1 / 0 catch .a").empty());
  CHECK(value_of("if true { 1 } else { 1 / 0 }") == "1");
  CHECK(value_of("true or 1 / 0 > 1") == "true");
}

TEST_CASE("an expression that is always wrong does not compile") {
  CHECK(codes_of("\"a\" * 2") == std::vector<std::string>{"E0301"});
  CHECK(codes_of("upper(1)") == std::vector<std::string>{"E0304"});
  CHECK(codes_of("upper()") == std::vector<std::string>{"E0303"});
  CHECK(codes_of("upper(\"a\", \"b\")") == std::vector<std::string>{"E0303"});
  CHECK(codes_of("upper(t: \"a\")") == std::vector<std::string>{"E0203"});
  CHECK(codes_of("next(1, by: 1, by: 2)") == std::vector<std::string>{"E0206"});
  CHECK(codes_of("uper(\"a\")") == std::vector<std::string>{"E0202"});
  CHECK(codes_of("not 5") == std::vector<std::string>{"E0302"});
  CHECK(codes_of("1 and true") == std::vector<std::string>{"E0302"});
  CHECK(codes_of("-\"a\"") == std::vector<std::string>{"E0301"});
  CHECK(codes_of("1 in 2") == std::vector<std::string>{"E0301"});
  CHECK(codes_of("\"${null}\"") == std::vector<std::string>{"E0301"});
  CHECK(codes_of("nothing") == std::vector<std::string>{"E0201"});
  CHECK(codes_of("@tpoic") == std::vector<std::string>{"E0210"});
  CHECK(codes_of("has(1)") == std::vector<std::string>{"E0309"});
  CHECK(codes_of("map([1], 5)") == std::vector<std::string>{"E0304"});
  CHECK(codes_of("(1 + upper(2)) * nothing") == std::vector<std::string>{"E0304", "E0201"});
}

TEST_CASE("patterns and other literals are compiled with the program") {
  CHECK(codes_of(".a matches \"(\"") == std::vector<std::string>{"E0306"});
  CHECK(codes_of(".a matches .b") == std::vector<std::string>{"E0307"});
  CHECK(codes_of("pattern(.a, \"(\")") == std::vector<std::string>{"E0306"});
  CHECK(codes_of("pattern(.a, .b)").empty());
}

TEST_CASE("comparisons whose result is known are a warning") {
  CHECK(codes_of("upper(.a) == 1") == std::vector<std::string>{"W0504"});
  CHECK(codes_of("1 < \"a\"") == std::vector<std::string>{"W0504"});
  CHECK(codes_of("1 == 1.5").empty());
  CHECK(codes_of(".a == null").empty());
}

TEST_CASE("lambdas see their parameter and the enclosing names") {
  CHECK(codes_of("map(.a, x -> x + .b)").empty());
  CHECK(codes_of("map(.a, x -> y)") == std::vector<std::string>{"E0201"});
  CHECK(codes_of("map(.a, x -> map(x, x -> x + 1))").empty());
}

TEST_CASE("chains of ten thousand terms compile") {
  std::string text = ".a == 0";
  for (int i = 1; i < 10'000; ++i) text += " or .a == " + std::to_string(i);
  CHECK(codes_of(text).empty());
}

TEST_CASE("an `else if` chain beyond the runtime's depth is an error, not a crash") {
  std::string text = "if .a == 0 { 0 }";
  for (int i = 1; i < 5'000; ++i) text += " else if .a == " + std::to_string(i) + " { 1 }";
  CHECK(codes_of(text + " else { 2 }") == std::vector<std::string>{"E0407"});
}

TEST_CASE("a constant that would grow without bound stays an expression") {
  std::string text = "\"" + std::string(1 << 16, 'x') + "\"";
  std::string sum = text;
  for (int i = 0; i < 40; ++i) sum += " + " + text;
  CHECK(value_of(sum) == "not constant");
}
