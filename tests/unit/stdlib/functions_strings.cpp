#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("len counts characters, bytes, items and keys", "[functions]") {
  Caller call(When::running);
  CHECK(call("len", {text("naïve €𝄞")}) == "8");
  CHECK(call("len", {Value::bytes("\xFF\x80")}) == "2");
  CHECK(call("len", {from_data("[1, [2, 3], {}]")}) == "3");
  CHECK(call("len", {from_data(R"({"a":1,"b":2,"a":3})")}) == "2");
  CHECK(is_error(call("len", {from_data("[1,,2]")})));
}

TEST_CASE("case is Unicode's", "[functions]") {
  Caller call(When::running);
  CHECK(call("upper", {text("straße ÿ ǆ")}) == R"("STRASSE Ÿ Ǆ")");
  CHECK(call("lower", {text("ÀÉÎ ΟΔΟΣ")}) == R"("àéî οδος")");
  CHECK(call("capitalize", {text("hELLO World")}) == R"("Hello world")");
  CHECK(call("capitalize", {text("ÉCLAIR Über")}) == R"("Éclair über")");
  CHECK(call("capitalize", {text("1aÀ bc")}) == R"("1aà bc")");
  CHECK(call("upper", {text("")}) == R"("")");
  CHECK(call("capitalize", {text("")}) == R"("")");
}

TEST_CASE("trim removes Unicode white space", "[functions]") {
  Caller call(When::running);
  CHECK(call("trim", {text("\xE2\x80\x83\xC2\xA0 a b\t\n\xE3\x80\x80")}) == R"("a b")");
  CHECK(call("trim_start", {text("\r\n a ")}) == R"("a ")");
  CHECK(call("trim_end", {text(" a \v\f")}) == R"(" a")");
  CHECK(call("trim", {text(" \t ")}) == R"("")");
}

TEST_CASE("split and join", "[functions]") {
  Caller call(When::running);
  CHECK(call("split", {text(""), text(",")}) == R"([""])");
  CHECK(call("split", {text(",a,,"), text(",")}) == R"(["","a","",""])");
  CHECK(call("split", {text("a--b-c"), text("--")}) == R"(["a","b-c"])");
  CHECK(call("split", {text("a"), text("")}) == "error: the separator is empty");
  CHECK(call("join", {from_data(R"(["a","\u0062"])"), text("-")}) == R"("a-b")");
  CHECK(call("join", {from_data("[]"), text("-")}) == R"("")");
  CHECK(call("join", {from_data(R"(["a",1])"), text("-")}) ==
        "error: item 1 is of type int, only strings are joined");
  Caller compile(When::compiling);
  CHECK(compile("split", {text("a"), text("")}) == "compile error: the separator is empty");
}

TEST_CASE("slice, find and truncate count characters", "[functions]") {
  Caller call(When::running);
  CHECK(call("slice", {text("äöü€"), number(1), number(3)}) == R"("öü")");
  CHECK(call("slice", {text("äöü€"), number(-2)}) == R"("ü€")");
  CHECK(call("slice", {text("abc"), number(2), number(1)}) == R"("")");
  CHECK(call("slice", {text("abc"), number(INT64_MIN), number(INT64_MAX)}) == R"("abc")");
  CHECK(call("slice", {from_data(R"([1.10, "\u0061", {"k" : 1}])"), number(-9), number(-1)}) ==
        R"([1.10,"\u0061"])");
  CHECK(call("find", {text("äöü"), text("ü")}) == "2");
  CHECK(call("find", {text("abc"), text("")}) == "0");
  CHECK(call("find", {text("abc"), text("d")}) == "null");
  CHECK(call("truncate", {text("äöü"), number(2)}) == R"("äö")");
  CHECK(call("truncate", {text("a"), number(INT64_MAX)}) == R"("a")");
  CHECK(call("truncate", {text("a"), number(-1)}) == "error: the count is negative");
}

TEST_CASE("a result longer than 1 MiB is an error", "[functions]") {
  Caller call(When::running);
  const std::string mebibyte(std::size_t{1} << 20, 'x');
  CHECK(call.value("repeat", {text("xy"), number(524'288)}).text().size() == mebibyte.size());
  CHECK(call("repeat", {text("xy"), number(524'289)}) == "error: the result is longer than 1 MiB");
  CHECK(call("repeat", {text("x"), number(INT64_MAX)}) == "error: the result is longer than 1 MiB");
  CHECK(call("repeat", {text(""), number(INT64_MAX)}) == R"("")");
  CHECK(call("pad_start", {text("x"), number(INT64_MAX)}) == "error: the result is longer than 1 MiB");
  CHECK(call("pad_end", {text("x"), number(1'048'577)}) == "error: the result is longer than 1 MiB");
  CHECK(call("truncate", {text(mebibyte + "x"), number(1'048'577)}) ==
        "error: the result is longer than 1 MiB");
  CHECK(call.value("truncate", {text(mebibyte + "x"), number(1'048'576)}).text() == mebibyte);
}

TEST_CASE("padding counts characters", "[functions]") {
  Caller call(When::running);
  CHECK(call("pad_start", {text("ä"), number(3)}) == R"("  ä")");
  CHECK(call("pad_end", {text("a"), number(4), text("é-")}) == R"("aé-é")");
  CHECK(call("pad_end", {text("abc"), number(2)}) == R"("abc")");
  CHECK(is_error(call("pad_end", {text("a"), number(2), text("")})));
}

TEST_CASE("replace cannot make more than 64 MiB", "[functions]") {
  Caller call(When::running);
  CHECK(call("replace", {text("aXbXX"), text("X"), text("--")}) == R"("a--b----")");
  CHECK(call("replace", {text("abc"), text("x"), text("y")}) == R"("abc")");
  CHECK(call("replace", {text("abc"), text(""), text("y")}) == "error: the text to replace is empty");
  const std::string many(std::size_t{1} << 16, 'a');
  CHECK(call("replace", {text(many), text("a"), text(many)}) == "error: the result is longer than 64 MiB");
}

TEST_CASE("bytes that are no UTF-8 break no string function", "[functions]") {
  Caller call(When::running);
  const Value broken = text("\xFF\x80\xC3 \xE2\x82");
  for (const char* name :
       {"len", "upper", "lower", "capitalize", "trim", "sha256", "url_encode", "parse_json"}) {
    CAPTURE(name);
    call.value(name, {broken});
  }
  call.value("slice", {broken, number(1), number(2)});
  call.value("truncate", {broken, number(1)});
  call.value("pad_start", {broken, number(9)});
  call.value("find_all", {broken, text("")});
  call.value("redact", {broken, text("mail")});
  SUCCEED("no crash");
}
