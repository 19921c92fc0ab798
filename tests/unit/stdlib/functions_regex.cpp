#include <cstddef>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "pipec/runtime/cached_bytes.h"
#include "stdlib/functions/compiled_cache.h"
#include "stdlib/functions/pattern.h"
#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("capture returns the named groups", "[functions]") {
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

TEST_CASE("G12 computed patterns are cached up to a number of bytes, counted, and released on request",
          "[functions]") {
  using pipec::runtime::CachedBytes;
  using Cache = pipec::stdlib::CompiledCache<pipec::stdlib::Pattern>;
  const auto bytes_of = [](const pipec::stdlib::Pattern& pattern) { return pattern.bytes(); };
  const std::size_t before = CachedBytes::total();
  {
    Cache cache;
    for (int i = 0; i < 100; ++i) {
      const auto compiled =
          cache.get("a" + std::to_string(i), pipec::stdlib::Pattern::compile_computed, bytes_of);
      REQUIRE(compiled.ok());
      CHECK((*compiled)->search("xa" + std::to_string(i)));
    }
    CHECK(cache.entries() == Cache::kMostEntries);
    const std::size_t small = cache.bytes();
    CHECK(CachedBytes::total() == before + small);
    // Each of these takes megabytes: the cache never keeps two.
    for (int i = 0; i < 3; ++i) {
      const auto compiled = cache.get("[\\p{L}]{1,200}" + std::to_string(i),
                                      pipec::stdlib::Pattern::compile_computed, bytes_of);
      REQUIRE(compiled.ok());
      CHECK((*compiled)->search("ä" + std::to_string(i)));
      CHECK((*compiled)->bytes() > Cache::kMostBytes);
      CHECK(cache.entries() == 1);
      CHECK(CachedBytes::total() - before > (std::size_t{3} << 20));
    }
    CachedBytes::release_all();
    REQUIRE(cache.get("a", pipec::stdlib::Pattern::compile_computed, bytes_of).ok());
    CHECK(cache.entries() == 1);
    CHECK(cache.bytes() < small);
  }
  CHECK(CachedBytes::total() == before);
}

#if defined(__GLIBC__)
TEST_CASE("G12 only the needed parts of a large computed pattern are compiled", "[functions]") {
  const auto in_use = [] {
    const auto info = ::mallinfo2();
    return static_cast<std::ptrdiff_t>(info.uordblks + info.hblkhd);
  };
  const std::ptrdiff_t before = in_use();
  const auto pattern = pipec::stdlib::Pattern::compile_computed(R"([\p{L}]{1,200}7)");
  REQUIRE(pattern.ok());
  const std::ptrdiff_t forwards = in_use() - before;
  if (before != 0) {  // else a sanitizer's allocator is in place
    CHECK(forwards > std::ptrdiff_t{1} << 20);
    CHECK(forwards < std::ptrdiff_t{3} << 20);  // the program that runs backwards is as large
  }
  std::vector<std::string_view> groups;
  CHECK_FALSE((*pattern)->match("abc", 0, groups));
  REQUIRE((*pattern)->match("-abc7-", 0, groups));
  CHECK(groups.at(0) == "abc7");
  // Anchored at its end a match is looked for backwards.
  const auto anchored = pipec::stdlib::Pattern::compile_computed(R"([\p{L}]{1,200}7$)");
  REQUIRE(anchored.ok());
  CHECK_FALSE((*anchored)->match("-abc7-", 0, groups));
  REQUIRE((*anchored)->match("-abc7", 0, groups));
  CHECK(groups.at(0) == "abc7");
}
#endif

TEST_CASE("G12 a computed pattern compiles if a constant one does, and fails with the same message",
          "[functions]") {
  for (const std::string pattern :
       {"(", "a{2000}", "(((a{30}){30}){30}){30}", "[\\p{L}]{1,200}", "a(?=b)", "x"}) {
    INFO(pattern);
    const auto constant = pipec::stdlib::Pattern::compile(pattern);
    const auto computed = pipec::stdlib::Pattern::compile_computed(pattern);
    REQUIRE(constant.ok() == computed.ok());
    if (!constant.ok()) CHECK(constant.error().message == computed.error().message);
  }
}
