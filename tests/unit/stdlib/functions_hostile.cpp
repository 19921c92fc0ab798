#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("fault D9 a pattern on which other engines backtrack forever takes linear time", "[functions]") {
  const std::string all(100'000, 'a');
  const auto matcher = registry().compile_pattern("(a+)+$");
  REQUIRE(matcher.ok());
  CHECK((*matcher)->search(all));
  CHECK_FALSE((*matcher)->search(all + "b"));
  Caller call(When::running);
  CHECK(call("capture", {text(all + "b"), text("(?<x>(a+)+)$")}) == "null");
  CHECK(call("replace_re", {text(all + "b"), text("(a+)+$"), text("")}) == '"' + all + "b\"");
  CHECK(call("find_all", {text(all + "b"), text("(a|aa)+$")}) == "[]");
}
