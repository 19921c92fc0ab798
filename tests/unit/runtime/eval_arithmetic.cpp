#include <cmath>
#include <limits>
#include <random>

#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kSecond = 1'000'000'000;

std::string on(Op op, const Expression& a, const Expression& b, const std::string& record = "{}") {
  Build build;
  build.fields.slot_of("a");
  return evaluated(build.program(at(7, build.op(op, a, b))), record);
}

}  // namespace

TEST_CASE("arithmetic on ints and floats", "[eval]") {
  Build b;
  CHECK(on(Op::add, b.integer(2), b.integer(3)) == "5");
  CHECK(on(Op::subtract, b.integer(2), b.integer(3)) == "-1");
  CHECK(on(Op::multiply, b.integer(-4), b.integer(3)) == "-12");
  CHECK(on(Op::divide, b.integer(7), b.integer(2)) == "3.5");
  CHECK(on(Op::divide, b.integer(6), b.integer(2)) == "3.0");
  CHECK(on(Op::add, b.integer(1), b.floating(0.5)) == "1.5");
  CHECK(on(Op::multiply, b.floating(2), b.integer(3)) == "6.0");
  CHECK(on(Op::subtract, b.floating(0.5), b.floating(0.25)) == "0.25");
}

TEST_CASE("% takes the sign of its left side, floats too", "[eval]") {
  Build b;
  CHECK(on(Op::remainder, b.integer(7), b.integer(-3)) == "1");
  CHECK(on(Op::remainder, b.integer(-7), b.integer(3)) == "-1");
  CHECK(on(Op::remainder, b.floating(-7.5), b.integer(2)) == "-1.5");
  CHECK(on(Op::remainder, b.floating(7.5), b.floating(-2)) == "1.5");
  CHECK(on(Op::remainder, b.integer(kMin), b.integer(-1)) == "0");
}

TEST_CASE("overflow, division by zero and results that are not finite are failures", "[eval]") {
  Build b;
  CHECK(on(Op::add, b.integer(kMax), b.integer(1)) == "!int overflow: 9223372036854775807 + 1 @7");
  CHECK(on(Op::subtract, b.integer(kMin), b.integer(1)) == "!int overflow: -9223372036854775808 - 1 @7");
  CHECK(on(Op::multiply, b.integer(kMin), b.integer(-1)) == "!int overflow: -9223372036854775808 * -1 @7");
  CHECK(on(Op::divide, b.integer(1), b.integer(0)) == "!division by zero @7");
  CHECK(on(Op::remainder, b.integer(1), b.integer(0)) == "!division by zero @7");
  CHECK(on(Op::divide, b.floating(1), b.floating(0)) == "!division by zero @7");
  CHECK(on(Op::remainder, b.floating(1), b.integer(0)) == "!division by zero @7");
  CHECK(on(Op::multiply, b.floating(1e308), b.integer(10)) ==
        "!float overflow: the result of `*` is not finite @7");
  CHECK(evaluated(b.program(at(3, b.op(Op::negate, b.integer(kMin)))), "{}") ==
        "!int overflow: -(-9223372036854775808) @3");
}

TEST_CASE("unary minus", "[eval]") {
  Build b;
  CHECK(evaluated(b.program(b.op(Op::negate, b.integer(5))), "{}") == "-5");
  CHECK(evaluated(b.program(b.op(Op::negate, b.floating(1.5))), "{}") == "-1.5");
  CHECK(evaluated(b.program(b.op(Op::negate, b.op(Op::negate, b.integer(5)))), "{}") == "5");
  CHECK(evaluated(b.program(at(2, b.op(Op::negate, b.string("x")))), "{}") == "!`-` does not take string @2");
}

TEST_CASE("+ joins two strings or two arrays", "[eval]") {
  Build b;
  CHECK(on(Op::add, b.string("ab"), b.string("cd")) == R"("abcd")");
  CHECK(on(Op::add, b.string(""), b.string("")) == R"("")");
  CHECK(on(Op::add, b.array({b.integer(1)}), b.array({b.string("x"), b.null()})) == R"([1,"x",null])");
  CHECK(on(Op::add, b.field(".a"), b.string("\n"), R"({"a":"t\tü"})") == R"("t\tü\n")");
  CHECK(on(Op::add, b.field(".a"), b.array({b.integer(2)}), R"({"a": [1.10, {"k": [ ]}]})") ==
        R"([1.10,{"k": [ ]},2])");
}

TEST_CASE("wrong types are failures that name both", "[eval]") {
  Build b;
  CHECK(on(Op::multiply, b.string("a"), b.integer(2)) == "!`*` does not take string and int @7");
  CHECK(on(Op::add, b.null(), b.integer(2)) == "!`+` does not take null and int @7");
  CHECK(on(Op::add, b.string("a"), b.array({})) == "!`+` does not take string and array @7");
  CHECK(on(Op::subtract, b.string("a"), b.string("b")) == "!`-` does not take string and string @7");
  CHECK(on(Op::add, b.boolean(true), b.boolean(true)) == "!`+` does not take bool and bool @7");
  CHECK(on(Op::add, b.bytes("a"), b.bytes("b")) == "!`+` does not take bytes and bytes @7");
}

TEST_CASE("timestamps and durations", "[eval]") {
  Build b;
  const Expression t = b.timestamp(10 * kSecond);
  const Expression d = b.duration(3 * kSecond);
  CHECK(on(Op::add, t, d) == R"("1970-01-01T00:00:13Z")");
  CHECK(on(Op::add, d, t) == R"("1970-01-01T00:00:13Z")");
  CHECK(on(Op::subtract, t, d) == R"("1970-01-01T00:00:07Z")");
  CHECK(on(Op::subtract, t, b.timestamp(4 * kSecond)) == "6000000000");
  CHECK(on(Op::add, d, d) == "6000000000");
  CHECK(on(Op::subtract, d, d) == "0");
  CHECK(on(Op::multiply, d, b.integer(2)) == "6000000000");
  CHECK(on(Op::multiply, b.integer(-2), d) == "-6000000000");
  CHECK(on(Op::divide, d, b.integer(2)) == "1500000000");
  CHECK(on(Op::divide, d, b.duration(2 * kSecond)) == "1.5");
  CHECK(on(Op::remainder, d, b.duration(2 * kSecond)) == "1000000000");
  CHECK(evaluated(b.program(b.op(Op::negate, d)), "{}") == "-3000000000");
  CHECK(on(Op::less, d, b.duration(4 * kSecond)) == "true");
  CHECK(on(Op::greater, t, d) == "false");

  CHECK(on(Op::add, t, t) == "!`+` does not take timestamp and timestamp @7");
  CHECK(on(Op::subtract, d, t) == "!`-` does not take duration and timestamp @7");
  CHECK(on(Op::add, t, b.integer(1)) == "!`+` does not take timestamp and int @7");
  CHECK(on(Op::multiply, d, b.floating(1.5)) == "!`*` does not take duration and float @7");
  CHECK(on(Op::divide, d, b.integer(0)) == "!division by zero @7");
  CHECK(on(Op::divide, b.duration(kMin), b.integer(-1)) ==
        "!duration overflow: -9223372036854775808 / -1 @7");
  CHECK(on(Op::remainder, b.duration(kMin), b.duration(-1)) == "0");
  CHECK(on(Op::add, b.timestamp(kMax), b.duration(1)) == "!timestamp overflow: 9223372036854775807 + 1 @7");
}

TEST_CASE("numbers beyond 64 bits can be compared and copied but not used in arithmetic", "[eval]") {
  Build b;
  const std::string big = R"({"a":12345678901234567890123})";
  const std::string huge = R"({"a":1e400})";
  const std::string said = "!arithmetic does not support a number beyond 64 bits: ";
  CHECK(on(Op::add, b.field(".a"), b.integer(1), big) == said + "12345678901234567890123 @7");
  CHECK(on(Op::divide, b.integer(1), b.field(".a"), huge) == said + "1e400 @7");
  CHECK(evaluated(b.program(at(1, b.op(Op::negate, b.field(".a")))), big) ==
        said + "12345678901234567890123 @1");
  CHECK(on(Op::add, b.string("x"), b.field(".a"), huge) == "!`+` does not take string and float @7");
  CHECK(on(Op::greater, b.field(".a"), b.integer(kMax), big) == "true");
  CHECK(on(Op::greater, b.field(".a"), b.floating(1e308), huge) == "true");
  CHECK(on(Op::equal, b.field(".a"), b.field(".a"), huge) == "true");
  CHECK(evaluated(b.program(b.field(".a")), huge) == "1e400");
}

TEST_CASE("a number of the data keeps its text, a computed one does not", "[eval]") {
  Build b;
  const std::string record = R"({"a":1.10})";
  CHECK(evaluated(b.program(b.field(".a")), record) == "1.10");
  CHECK(on(Op::add, b.field(".a"), b.integer(0), record) == "1.1");
}

TEST_CASE("int arithmetic agrees with 128 bits", "[eval]") {
  std::mt19937_64 random(20240807);
  const auto any_int = [&]() -> std::int64_t {
    const auto bits = static_cast<std::int64_t>(random());
    switch (random() % 4) {
      case 0:
        return bits;
      case 1:
        return bits >> (random() % 64);  // all magnitudes
      case 2:
        return random() % 2 != 0 ? kMin : kMax;
      default:
        return static_cast<std::int64_t>(random() % 7) - 3;
    }
  };
  Build b;
  for (const Op op : {Op::add, Op::subtract, Op::multiply, Op::remainder}) {
    for (int round = 0; round < 5000; ++round) {
      const std::int64_t l = any_int();
      const std::int64_t r = any_int();
      Evaluator evaluator(b.program(b.op(op, b.integer(l), b.integer(r))));
      const Value got = evaluator.evaluate_alone();
      if (op == Op::remainder && r == 0) {
        REQUIRE(got.is_failed());
        continue;
      }
      const __int128 wide_l = l;
      const __int128 wide_r = r;
      const __int128 wanted = op == Op::add        ? wide_l + wide_r
                              : op == Op::subtract ? wide_l - wide_r
                              : op == Op::multiply ? wide_l * wide_r
                                                   : wide_l % wide_r;
      INFO("op " << static_cast<int>(op) << ": " << l << " and " << r);
      if (wanted < kMin || wanted > kMax) {
        REQUIRE(got.is_failed());
      } else {
        REQUIRE(got.type() == Type::integer);
        REQUIRE(got.as_int() == static_cast<std::int64_t>(wanted));
      }
    }
  }
}
