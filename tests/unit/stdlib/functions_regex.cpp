#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("capture gives the named groups", "[functions]") {
  const When when = GENERATE(When::compiling, When::running);
  Caller call(when);
  CHECK(call("capture", {text("k=v"), text(R"((?<key>\w)=(?P<value>\w)(?<more>!)?)")}) ==
        R"({"key":"k","value":"v","more":null})");
  CHECK(call("capture", {text(""), text("(?<all>.*)")}) == R"({"all":""})");
  CHECK(call("capture", {text("x"), text("(?<d>[0-9])")}) == "null");
  CHECK(is_error(call("capture", {text("x"), text("(x)")})));
  // None of these is a named group.
  CHECK(call("capture", {text("(?<a>"), text(R"((?<n>[(?<a>]+)\Q\E)")}) == R"({"n":"(?<a>"})");
  CHECK(call("capture", {text("(?<a>"), text(R"((?<n>\(\?<a>))")}) == R"({"n":"(?<a>"})");
}

TEST_CASE("find_all finds matches from left to right", "[functions]") {
  Caller call(When::compiling);
  CHECK(call("find_all", {text("a1 b22 ü333"), text(R"(\d+)")}) == R"(["1","22","333"])");
  CHECK(call("find_all", {text("äb"), text("x*")}) == R"(["","",""])");
  CHECK(call("find_all", {text(""), text("x")}) == "[]");
  CHECK(call("find_all", {Value::string({}), text("x*")}) == R"([""])");
}

TEST_CASE("replace_re knows groups by number and name", "[functions]") {
  const When when = GENERATE(When::compiling, When::running);
  Caller call(when);
  CHECK(call("replace_re", {text("a-b c-d"), text(R"((?<l>\w)-(\w))"), text("$2+${l}$$1 $")}) ==
        R"("b+a$1 $ d+c$1 $")");
  CHECK(call("replace_re", {text("äb"), text("x*"), text("-")}) == R"("-ä-b-")");
  CHECK(call("replace_re", {text("baaac"), text("a*"), text("-")}) == R"("-b-c-")");
  CHECK(is_error(call("replace_re", {text("a"), text("a"), text("$1")})));
  CHECK(is_error(call("replace_re", {text("a"), text("a"), text("${name}")})));
}

TEST_CASE("a bad pattern is a compile error that says what is wrong", "[functions]") {
  Caller call(When::compiling);
  CHECK(call("find_all", {text("a"), text("(")}) == "compile error: bad pattern: missing ): (");
  CHECK(call("find_all", {text("a"), text("a(?=b)")}).find("no lookahead") != std::string::npos);
  CHECK(is_error(call("find_all", {text("a"), text(std::string(70'000, 'a'))})));
  CHECK(is_error(call("find_all", {text("a"), text("((a{100}){100}){100}")})));
  CHECK(is_error(call("find_all", {text("a"), text(std::string(50'000, '('))})));
  CHECK(is_error(Caller(When::running)("find_all", {text("a"), text("[")})));
}

TEST_CASE("matches searches", "[functions]") {
  const auto matcher = registry().compile_pattern(R"((?<d>\d)$)");
  REQUIRE(matcher.ok());
  CHECK((*matcher)->search("abc1"));
  CHECK_FALSE((*matcher)->search("1abc"));
  CHECK_FALSE((*matcher)->search({}));
  CHECK_FALSE(registry().compile_pattern("a**(").ok());
}
