#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

const std::string kRecord =
    R"({"n":1,"f":1.5,"s":"abc","e":"a\u0062c","t":true,"z":null,"a":[1,"x",{"k":2}],"o":{"k":1,"l":[1]}})";

std::string of(const Build& build, Expression e) {
  return evaluated(build.program(std::move(e)), kRecord);
}

// Fails wherever it is evaluated.
Expression failing(Build& b) {
  return at(99, b.op(Op::divide, b.integer(1), b.integer(0)));
}
const std::string kFailed = "!division by zero @99";

}  // namespace

TEST_CASE("comparisons across types are false and never a failure", "[eval]") {
  Build b;
  const std::vector<Expression> values = {
      b.null(),      b.boolean(true),         b.integer(1),  b.string("1"),   b.bytes("1"), b.timestamp(1),
      b.duration(1), b.array({b.integer(1)}), b.field(".o"), b.field(".none")};
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      const bool both_null = (i == 0 || i == 9) && (j == 0 || j == 9);
      if (i == j || both_null) continue;
      for (const Op op : {Op::equal, Op::less, Op::less_equal, Op::greater, Op::greater_equal}) {
        INFO(i << " against " << j);
        CHECK(of(b, b.op(op, values[i], values[j])) == "false");
      }
      CHECK(of(b, b.op(Op::not_equal, values[i], values[j])) == "true");
    }
  }
}

TEST_CASE("values without an order compare false, null with itself too", "[eval]") {
  Build b;
  for (const Op op : {Op::less, Op::less_equal, Op::greater, Op::greater_equal}) {
    CHECK(of(b, b.op(op, b.null(), b.null())) == "false");
    CHECK(of(b, b.op(op, b.field(".a"), b.field(".a"))) == "false");
    CHECK(of(b, b.op(op, b.field(".o"), b.field(".o"))) == "false");
    CHECK(of(b, b.op(op, b.boolean(true), b.boolean(true))) == "false");
  }
  CHECK(of(b, b.op(Op::equal, b.null(), b.field(".none"))) == "true");
  CHECK(of(b, b.op(Op::equal, b.boolean(true), b.field(".t"))) == "true");
}

TEST_CASE("int and float compare by their exact values", "[eval]") {
  Build b;
  CHECK(of(b, b.op(Op::equal, b.integer(1), b.floating(1))) == "true");
  CHECK(of(b, b.op(Op::less, b.field(".n"), b.field(".f"))) == "true");
  CHECK(of(b, b.op(Op::greater_equal, b.floating(1.5), b.integer(2))) == "false");
  constexpr std::int64_t kOdd = (std::int64_t{1} << 53) + 1;  // no double: the nearest is one less
  CHECK(of(b, b.op(Op::equal, b.integer(kOdd), b.floating(9007199254740992.0))) == "false");
  CHECK(of(b, b.op(Op::greater, b.integer(kOdd), b.floating(9007199254740992.0))) == "true");
  CHECK(of(b, b.op(Op::less, b.floating(9007199254740992.0), b.integer(kOdd))) == "true");
}

TEST_CASE("strings compare by bytes, escaped or not", "[eval]") {
  Build b;
  CHECK(of(b, b.op(Op::equal, b.field(".s"), b.field(".e"))) == "true");
  CHECK(of(b, b.op(Op::less_equal, b.field(".e"), b.string("abc"))) == "true");
  CHECK(of(b, b.op(Op::less, b.string("Z"), b.string("a"))) == "true");
  CHECK(of(b, b.op(Op::greater, b.string("ä"), b.string("z"))) == "true");
  CHECK(of(b, b.op(Op::less, b.string("ab"), b.field(".s"))) == "true");
}

TEST_CASE("equality is deep and ignores the order of keys", "[eval]") {
  Build b;
  CHECK(of(b, b.op(Op::equal, b.field(".o"),
                   b.object({"l", "k"}, {b.array({b.integer(1)}), b.floating(1)}))) == "true");
  CHECK(of(b, b.op(Op::not_equal, b.field(".a"), b.array({b.integer(1), b.string("x")}))) == "true");
}

TEST_CASE("conditions accept bools, null counts as false, other types are failures", "[eval]") {
  Build b;
  const std::string said = "!a condition must be a bool, got ";
  CHECK(of(b, b.op(Op::logical_not, b.null())) == "true");
  CHECK(of(b, b.op(Op::logical_not, b.boolean(true))) == "false");
  CHECK(of(b, b.op(Op::logical_not, at(4, b.string("x")))) == said + "string @4");
  CHECK(of(b, b.op(Op::logical_and, b.boolean(true), at(5, b.integer(1)))) == said + "int @5");
  CHECK(of(b, b.op(Op::logical_or, at(6, b.field(".a")), b.boolean(true))) == said + "array @6");
  CHECK(of(b, b.choose(at(7, b.field(".o")), b.integer(1), b.integer(2))) == said + "object @7");
  CHECK(of(b, b.choose(b.field(".none"), b.integer(1), b.integer(2))) == "2");
  CHECK(of(b, b.op(Op::logical_and, b.boolean(true), b.null())) == "false");
  CHECK(of(b, b.op(Op::logical_or, b.null(), b.null())) == "false");
}

TEST_CASE("and, or, ??, catch and if evaluate only what they need", "[eval]") {
  Build b;
  CHECK(of(b, b.op(Op::logical_and, b.boolean(false), failing(b))) == "false");
  CHECK(of(b, b.op(Op::logical_and, b.null(), failing(b))) == "false");
  CHECK(of(b, b.op(Op::logical_or, b.boolean(true), failing(b))) == "true");
  CHECK(of(b, b.op(Op::coalesce, b.integer(1), failing(b))) == "1");
  CHECK(of(b, b.op(Op::catch_error, b.integer(1), failing(b))) == "1");
  CHECK(of(b, b.choose(b.boolean(true), b.integer(1), failing(b))) == "1");
  CHECK(of(b, b.choose(b.boolean(false), failing(b), b.integer(2))) == "2");
  CHECK(of(b, b.op(Op::logical_and, b.boolean(true), failing(b))) == kFailed);
  CHECK(of(b, b.op(Op::logical_or, b.boolean(false), failing(b))) == kFailed);
}

TEST_CASE("missing, null and error are three things with three spellings", "[eval]") {
  Build b;
  CHECK(of(b, b.op(Op::coalesce, b.field(".none"), b.integer(7))) == "7");
  CHECK(of(b, b.op(Op::coalesce, b.field(".z"), b.integer(7))) == "7");
  CHECK(of(b, b.op(Op::coalesce, b.boolean(false), b.integer(7))) == "false");
  CHECK(of(b, b.op(Op::coalesce, failing(b), b.integer(7))) == kFailed);
  CHECK(of(b, b.op(Op::catch_error, failing(b), b.integer(7))) == "7");
  CHECK(of(b, b.op(Op::catch_error, b.null(), b.integer(7))) == "null");
  CHECK(of(b, b.op(Op::catch_error, failing(b), failing(b))) == kFailed);
  CHECK(of(b, b.op(Op::coalesce, b.op(Op::catch_error, failing(b), b.null()), b.integer(3))) == "3");
  CHECK(of(b, b.has(".z")) == "true");
  CHECK(of(b, b.has(".none")) == "false");
}

TEST_CASE("in an array, a string, an object", "[eval]") {
  Build b;
  const auto in = [&](Expression needle, Expression haystack) {
    return of(b, at(8, b.op(Op::in, std::move(needle), std::move(haystack))));
  };
  CHECK(in(b.integer(1), b.field(".a")) == "true");
  CHECK(in(b.floating(1), b.array({b.string("1"), b.integer(1)})) == "true");
  CHECK(in(b.object({"k"}, {b.integer(2)}), b.field(".a")) == "true");
  CHECK(in(b.field(".e"), b.array({b.string("x"), b.string("abc")})) == "true");
  CHECK(in(b.integer(5), b.field(".a")) == "false");
  CHECK(in(b.string("bc"), b.field(".e")) == "true");
  CHECK(in(b.string("bd"), b.field(".s")) == "false");
  CHECK(in(b.string(""), b.string("")) == "true");
  CHECK(in(b.string("k"), b.field(".o")) == "true");
  CHECK(in(b.string("x"), b.object({"x"}, {b.null()})) == "true");
  CHECK(in(b.string("none"), b.field(".o")) == "false");
  CHECK(in(b.null(), b.field(".a")) == "false");
  CHECK(in(b.field(".none"), b.integer(3)) == "false");
  CHECK(in(b.integer(1), b.string("1")) == "!`in` does not take int and string @8");
  CHECK(in(b.integer(1), b.field(".o")) == "!`in` does not take int and object @8");
  CHECK(in(b.string("a"), b.null()) == "false");
  CHECK(in(b.null(), failing(b)) == kFailed);
}

TEST_CASE("matches searches decoded text", "[eval]") {
  Build b;
  const auto matcher = std::make_shared<HoldsText>("bc");
  CHECK(of(b, b.matches(b.field(".s"), matcher)) == "true");
  CHECK(of(b, b.matches(b.field(".e"), matcher)) == "true");
  CHECK(of(b, b.matches(b.string("b"), matcher)) == "false");
  CHECK(of(b, b.matches(b.field(".none"), matcher)) == "false");
  CHECK(of(b, at(3, b.matches(b.field(".n"), matcher))) == "!`matches` takes a string, got int @3");
  CHECK(of(b, b.matches(failing(b), matcher)) == kFailed);
}

TEST_CASE("a failure in an operand is a failure of the whole expression", "[eval]") {
  Build b;
  CHECK(of(b, b.op(Op::add, failing(b), b.integer(1))) == kFailed);
  CHECK(of(b, b.op(Op::less, b.integer(1), failing(b))) == kFailed);
  CHECK(of(b, b.array({b.integer(1), failing(b)})) == kFailed);
  CHECK(of(b, b.object({"k"}, {failing(b)})) == kFailed);
  CHECK(of(b, b.op(Op::logical_not, failing(b))) == kFailed);
  CHECK(of(b, b.choose(failing(b), b.integer(1), b.integer(2))) == kFailed);
}

TEST_CASE("chains of ten thousand terms are safe", "[eval]") {
  constexpr int kTerms = 10'000;
  const auto chain = [&](Op op, auto term) {
    Build b;
    Expression e = term(b, 0);
    for (int i = 1; i < kTerms; ++i) e = b.op(op, std::move(e), term(b, i));
    return evaluated(b.program(std::move(e)), kRecord);
  };
  CHECK(chain(Op::add, [](Build& b, int) { return b.field(".n"); }) == "10000");
  CHECK(chain(Op::logical_or, [](Build& b, int i) { return b.boolean(i == kTerms - 1); }) == "true");
  CHECK(chain(Op::logical_and,
              [](Build& b, int i) { return b.op(Op::less, b.integer(i), b.integer(kTerms)); }) == "true");
  CHECK(chain(Op::logical_and, [](Build& b, int i) { return i == 1 ? b.null() : b.boolean(true); }) ==
        "false");
  CHECK(chain(Op::coalesce, [](Build& b, int i) { return i == kTerms - 1 ? b.integer(5) : b.null(); }) ==
        "5");
  CHECK(chain(Op::catch_error, [](Build& b, int i) { return i == kTerms - 1 ? b.integer(5) : failing(b); }) ==
        "5");

  Build b;
  Expression e = b.integer(1);
  for (int i = 0; i < kTerms; ++i) e = b.op(Op::negate, std::move(e));
  CHECK(evaluated(b.program(std::move(e)), "{}") == "1");

  Expression otherwise = b.integer(0);
  for (int i = kTerms; i > 0; --i) {
    otherwise =
        b.choose(b.op(Op::equal, b.integer(i), b.integer(kTerms)), b.integer(i), std::move(otherwise));
  }
  CHECK(evaluated(b.program(std::move(otherwise)), "{}") == "10000");
}

TEST_CASE("values nested too deep fail and do not crash", "[eval]") {
  Build b;
  Expression e = b.integer(1);
  for (int i = 0; i < 5000; ++i) {
    Expression outer = b.array({});
    outer.children.push_back(std::move(e));
    e = std::move(outer);
  }
  CHECK(evaluated(b.program(std::move(e)), "{}") == "!an expression nested deeper than 2000");
}
