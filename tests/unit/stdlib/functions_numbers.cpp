#include <cmath>

#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("floor, ceil and round give ints or fail", "[functions]") {
  Caller call(When::running);
  CHECK(call("floor", {number(-1.5)}) == "-2");
  CHECK(call("ceil", {number(-1.5)}) == "-1");
  CHECK(call("round", {number(2.5)}) == "3");
  CHECK(call("round", {number(-2.5)}) == "-3");
  CHECK(call("round", {number(0.49999999999999994)}) == "0");
  CHECK(call("floor", {number(9223372036854774784.0)}) == "9223372036854774784");
  CHECK(is_error(call("floor", {number(9223372036854775808.0)})));
  CHECK(call("ceil", {number(-9223372036854775808.0)}) == "-9223372036854775808");
  CHECK(is_error(call("round", {number(1e300)})));
}

TEST_CASE("round goes by the digits that are written", "[functions]") {
  Caller call(When::running);
  CHECK(call("round", {number(1.25), number(1)}) == "1.3");
  CHECK(call("round", {number(2.675), number(2)}) == "2.68");
  CHECK(call("round", {number(-1.005), number(2)}) == "-1.01");
  CHECK(call("round", {number(9.99), number(1)}) == "10.0");
  CHECK(call("round", {number(1.5), number(99)}) == "1.5");
  CHECK(call("round", {number(1234.5), number(-2)}) == "1200.0");
  CHECK(call("round", {number(55.0), number(-2)}) == "100.0");
  CHECK(call("round", {number(4.0), number(-1)}) == "0.0");
  CHECK(call("round", {number(1250), number(-2)}) == "1300");
  CHECK(call("round", {number(7), number(3)}) == "7");
  CHECK(call("round", {number(7), number(INT64_MIN)}) == "0");
  CHECK(is_error(call("round", {number(INT64_MAX), number(-1)})));
  CHECK(is_error(call("round", {number(1.7976931348623157e308), number(-308)})));
}

TEST_CASE("integers overflow into errors", "[functions]") {
  Caller call(When::running);
  CHECK(call("abs", {number(INT64_MIN)}) == "error: the result is beyond a 64-bit integer");
  CHECK(call("abs", {number(-0.0)}) == "0.0");
  CHECK(call("div", {number(-7), number(2)}) == "-3");
  CHECK(call("div", {number(7.5), number(2)}) == "3");
  CHECK(call("div", {number(1), number(0)}) == "error: division by zero");
  CHECK(is_error(call("div", {number(1), number(0.0)})));
  CHECK(is_error(call("div", {number(INT64_MIN), number(-1)})));
  CHECK(call("pow", {number(-2), number(63)}) == "-9223372036854775808");
  CHECK(is_error(call("pow", {number(2), number(63)})));
  CHECK(call("pow", {number(1), number(INT64_MAX)}) == "1");
  CHECK(call("pow", {number(2), number(-2)}) == "0.25");
  CHECK(is_error(call("pow", {number(0), number(-1)})));
  CHECK(is_error(call("pow", {number(-8), number(0.5)})));
  CHECK(is_error(call("sqrt", {number(-1)})));
  CHECK(call("sqrt", {number(2)}) == "1.4142135623730951");
}

TEST_CASE("clamp, min and max keep the number's text", "[functions]") {
  Caller call(When::running);
  CHECK(call("clamp", {from_data("1.10"), number(0), number(2)}) == "1.10");
  CHECK(call("clamp", {number(9), number(0), from_data("2.50")}) == "2.50");
  CHECK(is_error(call("clamp", {number(1), number(2), number(1)})));
  CHECK(is_error(Caller(When::compiling)("clamp", {number(1), number(2), number(1)})));
  CHECK(call("min", {from_data("[3, 1.10, 2]")}) == "1.10");
  CHECK(call("max", {from_data("[1e400, 12345678901234567890, 3]")}) == "1e400");
  CHECK(call("max", {from_data("[12345678901234567890, 9007199254740993]")}) == "12345678901234567890");
  CHECK(call("min", {from_data("[]")}) == "null");
  CHECK(call("max", {from_data(R"([1,"2"])")}) == "error: item 1 is of type string, not a number");
}

TEST_CASE("sum and avg", "[functions]") {
  Caller call(When::running);
  CHECK(call("sum", {from_data("[]")}) == "0");
  CHECK(call("avg", {from_data("[]")}) == "null");
  CHECK(call("sum", {from_data("[1, 2, 3]")}) == "6");
  CHECK(call("sum", {from_data("[1, 0.5]")}) == "1.5");
  CHECK(is_error(call("sum", {from_data("[9223372036854775807, 1]")})));
  CHECK(is_error(call("sum", {from_data("[1e308, 1e308]")})));
  CHECK(is_error(call("sum", {from_data("[12345678901234567890]")})));
  CHECK(call.value("avg", {from_data("[9223372036854775807, 9223372036854775807]")}).as_float() == 0x1p63);
  CHECK(call("avg", {from_data("[2, 4]")}) == "3.0");
}

TEST_CASE("conversion is strict", "[functions]") {
  Caller call(When::running);
  CHECK(call("int", {text("-0x10")}) == "-16");
  CHECK(call("int", {text("+5")}) == "5");
  CHECK(call("int", {text("-9223372036854775808")}) == "-9223372036854775808");
  for (const char* bad :
       {"", "-", "0x", " 1", "1 ", "1.0", "1e3", "--1", "9223372036854775808", "0xg", "١"}) {
    CAPTURE(bad);
    CHECK(is_error(call("int", {text(bad)})));
  }
  CHECK(call("int", {number(2.0)}) == "2");
  CHECK(is_error(call("int", {number(2.5)})));
  CHECK(is_error(call("int", {number(1e19)})));
  CHECK(call("int", {Value::boolean(true)}) == "1");
  CHECK(call("int", {from_data("1e2")}) == "100");
  CHECK(call("float", {text("-1.5e3")}) == "-1500.0");
  CHECK(call("float", {text("0x10")}) == "16.0");
  for (const char* bad : {"", "inf", "nan", "1e400", " 1", "1,5", "e5", "++1", "+-1", "0x1p3"}) {
    CAPTURE(bad);
    CHECK(is_error(call("float", {text(bad)})));
  }
  CHECK(call("bool", {text("true")}) == "true");
  CHECK(call("bool", {number(0)}) == "false");
  CHECK(call("bool", {number(1.0)}) == "true");
  CHECK(is_error(call("bool", {text("True")})));
  CHECK(is_error(call("bool", {text("1")})));
  CHECK(is_error(call("bool", {number(2)})));
}

TEST_CASE("string gives the same text as interpolation", "[functions]") {
  Caller call(When::running);
  CHECK(call("string", {number(2.0)}) == R"("2.0")");
  CHECK(call("string", {from_data("1.10")}) == R"("1.10")");
  CHECK(call("string", {Value()}) == "null");
  CHECK(call("string", {from_data("[1, 2]")}) == R"("[1,2]")");
  CHECK(call("string", {at_second(0)}) == R"("1970-01-01T00:00:00Z")");
  CHECK(call("type", {Value()}) == R"("null")");
  CHECK(call("type", {at_second(0)}) == R"("timestamp")");
  CHECK(call("is_number", {from_data("1e400")}) == "true");
  CHECK(call("is_null", {Value()}) == "true");
}

TEST_CASE("random numbers stay in their range", "[functions]") {
  Caller call(When::running);
  const Value n = call.value("random", {});
  CHECK(n.as_float() >= 0);
  CHECK(n.as_float() < 1);
  CHECK(call("random_int", {number(7), number(8)}) == "7");
  CHECK_FALSE(is_error(call("random_int", {number(INT64_MIN), number(INT64_MAX)})));
  CHECK(is_error(call("random_int", {number(1), number(1)})));
}
