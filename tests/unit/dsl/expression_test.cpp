// language.md section 4: precedence, calls, lambdas, if.
#include "parse_text.h"
#include "support/catch.h"

using namespace pipec::dsl::testing;

TEST_CASE("every operator binds less tightly than the next level's") {
  CHECK(expr("a or b and c") == "(or (name a) (and (name b) (name c)))");
  CHECK(expr("a and b or c") == "(or (and (name a) (name b)) (name c))");
  CHECK(expr("not a and b") == "(and (not (name a)) (name b))");
  CHECK(expr("not a == b") == "(not (== (name a) (name b)))");
  CHECK(expr("a == b catch c") == "(== (name a) (catch (name b) (name c)))");
  CHECK(expr("a catch b ?? c") == "(catch (name a) (?? (name b) (name c)))");
  CHECK(expr("a ?? b + c") == "(?? (name a) (+ (name b) (name c)))");
  CHECK(expr("a + b * c") == "(+ (name a) (* (name b) (name c)))");
  CHECK(expr("-a * b") == "(* (neg (name a)) (name b))");
  CHECK(expr("-a.b[0]") == "(neg (get (name a) .b[0]))");
  CHECK(expr("a * -b") == "(* (name a) (neg (name b)))");
  CHECK(expr("(a + b) * c") == "(* (+ (name a) (name b)) (name c))");
}

TEST_CASE("operators of one level are read from the left") {
  CHECK(expr("a - b - c") == "(- (- (name a) (name b)) (name c))");
  CHECK(expr("a / b * c % d") == "(% (* (/ (name a) (name b)) (name c)) (name d))");
  CHECK(expr("a ?? b ?? c") == "(?? (?? (name a) (name b)) (name c))");
  CHECK(expr("a catch b catch c") == "(catch (catch (name a) (name b)) (name c))");
}

TEST_CASE("and and or are flat, parentheses are kept apart") {
  CHECK(expr("a or b or c or d") == "(or (name a) (name b) (name c) (name d))");
  CHECK(expr("a and (b and c)") == "(and (name a) (and (name b) (name c)))");
  CHECK(expr("(a or b) or c") == "(or (or (name a) (name b)) (name c))");
}

TEST_CASE("comparisons") {
  for (std::string op : {"==", "!=", "<", "<=", ">", ">=", "in", "matches"}) {
    CHECK(expr(".a " + op + " 1") == "(" + op + " .a 1)");
    CHECK(expr(".a " + op + " 1 == 2") == "E0113");
  }
  CHECK(expr("a < b and b < c") == "(and (< (name a) (name b)) (< (name b) (name c)))");
  CHECK(expr("(a < b) == c") == "(== (< (name a) (name b)) (name c))");
  CHECK(expr("a < not b") == "E0124");
  CHECK(expr("a not in b") == "E0124");
}

TEST_CASE("minus: part of a number, an operator, or a sign") {
  CHECK(expr("-5") == "-5");
  CHECK(expr("- 5") == "-5");
  CHECK(expr("--5") == "(neg -5)");
  CHECK(expr("a -5") == "(- (name a) 5)");
  CHECK(expr("a - -5") == "(- (name a) -5)");
  CHECK(expr("-(5)") == "(neg 5)");
  CHECK(expr("not not a") == "(not (not (name a)))");
}

TEST_CASE("calls take positional and named arguments and lambdas") {
  CHECK(expr("f()") == "(call f)");
  CHECK(expr("f(1, b: 2,)") == "(call f 1 b: 2)");
  CHECK(expr("map(.a, x -> x.b + 1)") == "(call map .a (-> x (+ (get (name x) .b) 1)))");
  CHECK(expr("filter(.a, x -> x > 1)") == "(call filter .a (-> x (> (name x) 1)))");
  CHECK(expr("merge(.a, .b)") == "(call merge .a .b)");
  CHECK(expr("f(x, on_error: dlq)") == "(call f (name x) on_error: (name dlq))");
  CHECK(expr("not(a)") == "(not (name a))");
  CHECK(expr("a in(b)") == "(in (name a) (name b))");
  CHECK(expr("f(a: 1, 2)") == "E0120");
  CHECK(expr("f(a = 1)") == "E0110");
  CHECK(expr("f(if -> 1)") == "E0115");
  CHECK(expr("f (1)") == "E0110");
  CHECK(expr("f(1") == "E0111");
  CHECK(expr("drop") == "E0110");
}

TEST_CASE("if as a value") {
  CHECK(expr("if a { 1 } else { 2 }") == "(if (name a) 1 else 2)");
  CHECK(expr("if a { 1 } else if b { 2 } else { 3 }") == "(if (name a) 1 (name b) 2 else 3)");
  CHECK(expr("if .a == {} { {} } else { {a: 1} }") ==
        R"((if (== .a (object)) (object) else (object "a": 1)))");
  CHECK(expr("if a { 1 }") == "E0119");
  CHECK(expr("if a { 1 } elif b { 2 } else { 3 }") == "E0110");
  CHECK(expr("a ? 1 : 2").substr(0, 5) == "E0109");
}

TEST_CASE("operators of other languages are named with their word here") {
  CHECK(hint_of("a | filter .x && .y | drop") == "write 'and'");
  CHECK(hint_of("a | filter .x || .y | drop").substr(0, 10) == "write 'or'");
  CHECK(hint_of("a | filter !.x | drop") == "write 'not'");
  CHECK(hint_of("a | filter .x = 1 | drop") == "to compare, write '=='");
  CHECK(hint_of("a | filter .x === 1 | drop") == "equality is '=='");
  CHECK(hint_of("a | filter .x <> 1 | drop") == "inequality is '!='");
  CHECK(hint_of("a | filter .x =~ \"y\" | drop") == "write 'matches'");
  CHECK(hint_of("a | transform { .x += 1 } | drop") == "write '.a = .a + ...'");
  CHECK(hint_of("// comment\na | drop").substr(0, 26) == "a comment begins with '#';");
  CHECK(hint_of("a | filter .x == 'y' | drop") == "strings are written in plain double quotes: \"y\"");
  CHECK(hint_of("a | filter .x == \xE2\x80\x9Cy\xE2\x80\x9D | drop") ==
        "strings are written in plain double quotes: \"y\"");
}
