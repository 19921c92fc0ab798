// language.md section 2, rule by rule, seen through expressions.
#include "parse_text.h"
#include "support/catch.h"

using namespace pipec::dsl::testing;

TEST_CASE("integers: 64 bits, underscores, hexadecimal") {
  CHECK(expr("42") == "42");
  CHECK(expr("1_000_000") == "1000000");
  CHECK(expr("0xff") == "255");
  CHECK(expr("0XFF_ff") == "65535");
  CHECK(expr("9223372036854775807") == "9223372036854775807");
  CHECK(expr("-9223372036854775808") == "-9223372036854775808");
  CHECK(expr("- 9223372036854775808") == "-9223372036854775808");
  CHECK(expr("9223372036854775808") == "E0107");
  CHECK(expr("-9223372036854775809") == "E0107");
  CHECK(expr("1 - 9223372036854775808") == "E0107");
  CHECK(expr("0x8000000000000000") == "E0107");
  CHECK(expr("99999999999999999999999") == "E0107");
  CHECK(expr("1__0") == "E0106");
  CHECK(expr("1_") == "E0106");
  CHECK(expr("0x") == "E0106");
  CHECK(expr("12abc") == "E0106");
}

TEST_CASE("floats") {
  CHECK(expr("1.5") == "(float 1.5)");
  CHECK(expr("2e-3") == "(float 0.002)");
  CHECK(expr("1_0.5E+1") == "(float 105)");
  CHECK(expr("-0.0") == "(float -0)");
  CHECK(expr("1e400") == "E0107");
  CHECK(expr("1.") == "E0106");
  CHECK(expr(".5") == "E0106");
  CHECK(expr("1.2.3") == "E0106");
}

TEST_CASE("durations and sizes") {
  CHECK(expr("250ms") == "(duration 250000000)");
  CHECK(expr("5s") == "(duration 5000000000)");
  CHECK(expr("2m") == "(duration 120000000000)");
  CHECK(expr("1h") == "(duration 3600000000000)");
  CHECK(expr("7d") == "(duration 604800000000000)");
  CHECK(expr("-5s") == "(duration -5000000000)");
  CHECK(expr("64KiB") == "(size 65536)");
  CHECK(expr("1MiB") == "(size 1048576)");
  CHECK(expr("2GiB") == "(size 2147483648)");
  CHECK(expr("10KB") == "(size 10000)");
  CHECK(expr("5MB") == "(size 5000000)");
  CHECK(expr("1GB") == "(size 1000000000)");
  CHECK(expr("106752d") == "E0107");
  CHECK(expr("9999999999GiB") == "E0107");
  CHECK(expr("1.5s") == "E0106");
  CHECK(expr("1h30m") == "E0106");
  CHECK(hint_of("a | filter .x > 64kib | sink null") == "did you mean 'KiB'?");
}

TEST_CASE("strings: JSON's escapes, on one line") {
  CHECK(expr(R"("a\"\\\/\b\f\n\r\t")") == R"("a\"\\/\b\f\n\r\t")");
  CHECK(expr(R"("\u00e9\ud83d\ude00")") == "\"\xC3\xA9\xF0\x9F\x98\x80\"");
  CHECK(expr(R"("\u0000")") == R"("\u0000")");
  CHECK(expr(R"("")") == R"("")");
  CHECK(expr("\"\t\"") == R"("\t")");
  CHECK(expr(R"("\ud83d")") == "E0104");
  CHECK(expr(R"("\ud83dx")") == "E0104");
  CHECK(expr(R"("\ude00")") == "E0104");
  CHECK(expr(R"("\ud83d\ud83d\ude00")") == "E0104");
  CHECK(expr(R"("\u12")") == "E0104");
  CHECK(expr(R"("\d+")") == "E0104");
  CHECK(expr("\"a\nb\"").substr(0, 5) == "E0103");
  CHECK(expr("\"a") == "E0103");
  CHECK(expr("\"a\\") == "E0103 E0104");
  CHECK(expr(std::string("\"a\0b\"", 5)) == "E0102");
}

TEST_CASE("strings: interpolation") {
  CHECK(expr(R"("a${.x}b")") == R"((string "a" .x "b"))");
  CHECK(expr(R"("${ f("x") }")") == R"((string (call f "x")))");
  CHECK(expr(R"("${"${"${1}"}"}")") == "(string (string (string 1)))");
  CHECK(expr(R"("${ {"a": {b: 1}}.a }")") == R"((string (get (object "a": (object "b": 1)) .a)))");
  CHECK(expr(R"("\${x} $ $x $$")") == R"("\${x} $ $x $$")");
  CHECK(expr(R"("a}b")") == R"("a}b")");
  CHECK(expr(R"("${}")") == "E0110");
  CHECK(expr(R"("${.x")").substr(0, 5) == "E0110");
  CHECK(expr("\"${.x").substr(0, 5) == "E0103");
  CHECK(expr("\"${.x +\n 1}\"").substr(0, 5) == "E0103");
}

TEST_CASE("raw strings have no escapes and no interpolation") {
  CHECK(expr(R"(r"\d+\${x}")") == R"("\\d+\\\${x}")");
  CHECK(expr(R"(r"")") == R"("")");
  CHECK(expr(R"(r + "x")") == R"((+ (name r) "x"))");
  CHECK(expr("r\"abc") == "E0103");
}

TEST_CASE("paths: there is no space before a postfix") {
  CHECK(expr(".") == ".");
  CHECK(expr(".a.b") == ".a.b");
  CHECK(expr(".a[0]") == ".a[0]");
  CHECK(expr(".a[-1]") == ".a[-1]");
  CHECK(expr(".[0].b") == ".[0].b");
  CHECK(expr(R"(."odd key".x)") == R"(."odd key".x)");
  CHECK(expr(R"(.a["b"]["odd key"])") == R"(.a.b."odd key")");
  CHECK(expr(".a[.i + 1]") == ".a[(+ .i 1)]");
  CHECK(expr(".if.filter.let") == ".if.filter.let");
  CHECK(expr("x.name") == "(get (name x) .name)");
  CHECK(expr("f(.x).a[0]") == "(get (call f .x) .a[0])");
  CHECK(expr("[1, 2][0]") == "(get (array 1 2) [0])");
  CHECK(expr("(.a).b") == "(get .a .b)");
  CHECK(expr(".a .b") == "E0110");
  CHECK(expr(".a [0]") == "E0110");
  CHECK(expr("..a") == "E0125");
  CHECK(expr(".a.") == "E0125");
  CHECK(expr(".a. b") == "E0125");
  CHECK(expr(".a.0") == "E0125");
  CHECK(expr(".a.[0]") == "E0125");
  CHECK(expr(".a[]") == "E0110");
  CHECK(expr(R"(."a${1}")") == "E0123");
}

TEST_CASE("metadata") {
  CHECK(expr("@topic") == "@topic");
  CHECK(expr("@headers.name") == "@headers.name");
  CHECK(expr(R"(@headers["x-y"])") == R"(@headers."x-y")");
  CHECK(expr("@ topic") == "E0110");
  CHECK(expr("@") == "E0110");
}

TEST_CASE("arrays and objects, with trailing commas") {
  CHECK(expr(R"([1, "a", .x,])") == R"((array 1 "a" .x))");
  CHECK(expr("[]") == "(array)");
  CHECK(expr(R"({"k": 1, k2: .x, if: 2,})") == R"((object "k": 1 "k2": .x "if": 2))");
  CHECK(expr("{}") == "(object)");
  CHECK(expr("[1 2]") == "E0110");
  CHECK(expr("[,]") == "E0110");
  CHECK(expr("{a}") == "E0110");
  CHECK(expr("{a = 1}") == "E0110");
  CHECK(expr("{.a: 1}") == "E0110");
}

TEST_CASE("comments, white space and semicolons have no meaning") {
  std::string plain = dump_of("recv stdin() | transform { .a = 1 .b = 2 } | sink null");
  CHECK(dump_of("recv stdin() # x\r\n\t| transform {;.a\n=\n1;;.b = 2;} # | y\n| sink null;") == plain);
  CHECK(dump_of("\xEF\xBB\xBFrecv stdin() | transform { .a = 1 .b = 2 } | sink null") == plain);
}

TEST_CASE("a byte order mark, a no-break space, rubbish: each with its place") {
  CHECK(errors_of("a\xC2\xA0| drop") == "E0102 1:2");
  CHECK(errors_of("a | \xEF\xBB\xBF"
                  "drop") == "E0102 1:5");
  CHECK(errors_of("a | filter .x \xFF\xFE | drop") == "E0101 1:15");
  CHECK(errors_of("# caf\xE9\na | drop") == "E0101 1:6");
  CHECK(errors_of("a | filter \"\xC0\x80\" == .x | drop") == "E0101 1:13");
  CHECK(errors_of(std::string("a | drop\0\0", 10)) == "E0102 1:9");
  CHECK(errors_of("\xFF\xFE"
                  "a\0|\0") == "E0101 1:1");
}
