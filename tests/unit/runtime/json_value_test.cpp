#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "json_reference.h"
#include "json_support.h"
#include "pipec/runtime/json.h"
#include "support/catch.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

std::string written(const Value& value) {
  BufferPool pool;
  const BufferRef out = pool.get(16);
  append_json(value, *out);
  return std::string(out->view());
}

std::string quoted(std::string_view text) {
  return written(Value::string(text));
}

std::string as_float(double number) {
  char out[32];
  return {out, format_float(number, out)};
}

std::string as_time(std::int64_t nanoseconds) {
  char out[40];
  return {out, format_timestamp(nanoseconds, out)};
}

Value read(std::string_view text) {
  const auto value = read_json(text);
  REQUIRE(value.has_value());
  return *value;
}

int order(std::string_view a, std::string_view b) {
  Arena arena;
  const auto result = compare(read(a), read(b), arena);
  REQUIRE(result.has_value());
  CHECK(equal(read(a), read(b), arena) == (*result == 0));
  const auto mirrored = compare(read(b), read(a), arena);
  CHECK((*mirrored < 0) == (*result > 0));
  return *result < 0 ? -1 : *result > 0;
}

bool same(std::string_view a, std::string_view b) {
  Arena arena;
  const bool result = equal(read(a), read(b), arena);
  CHECK(equal(read(b), read(a), arena) == result);
  CHECK(equal(expand(read(a), arena), read(b), arena) == result);
  return result;
}

}  // namespace

TEST_CASE("read_json returns typed values and keeps a number's text") {
  CHECK(read("null").is_null());
  CHECK(read("true").as_bool());
  CHECK_FALSE(read("false").as_bool());
  CHECK(read("9223372036854775807").as_int() == std::numeric_limits<std::int64_t>::max());
  CHECK(read("-9223372036854775808").as_int() == std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(read("-9223372036854775808").is_beyond());
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
                           "99999999999999999999", "12345678901234567890"}) {
    CAPTURE(text);
    CHECK(read(text).type() == Type::integer);
    CHECK(read(text).is_beyond());
    CHECK(written(read(text)) == text);
  }
  CHECK(read("1.10").type() == Type::floating);
  CHECK(read("1.10").as_float() == 1.1);
  CHECK(written(read("1.10")) == "1.10");
  CHECK(read("-0").as_int() == 0);
  CHECK(written(read("-0")) == "-0");
  CHECK(std::signbit(read("-0.0").as_float()));
  CHECK(read("1e400").is_beyond());
  CHECK(std::isinf(read("1e400").as_float()));
  CHECK(read("-1e400").as_float() < 0);
  CHECK(read("1e-400").is_beyond());
  CHECK_FALSE(read("0e400").is_beyond());
  CHECK_FALSE(read("0.000e-400").is_beyond());
  CHECK_FALSE(read("5e-324").is_beyond());
  CHECK(read("5e-324").as_float() == 5e-324);
  CHECK_FALSE(read("1.7976931348623157e308").is_beyond());
  CHECK(read("1.8e308").is_beyond());
  CHECK(read("\"a\"").is_json_text());
  CHECK_FALSE(read("\"a\"").is_escaped());
  CHECK(read("\"a\\n\"").is_escaped());
  CHECK(read("[1]").type() == Type::array);
  CHECK(read("{}").type() == Type::object);
}

TEST_CASE("read_json checks scalars completely") {
  for (const char* text : {"",
                           "nul",
                           "nulll",
                           "True",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "+1",
                           "--1",
                           "0x1",
                           "1 ",
                           "NaN",
                           "\"",
                           "\"a",
                           "a\"",
                           "\"a\"b\"",
                           "\"\\\"",
                           "\"\n\"",
                           "\"\\x\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\u00g0\"",
                           "\"\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\x1f\"",
                           "\"0123456789abcdef0123456789abcdef\x01\"",
                           "\"0123456789abcdef0123456789abcdef\xff\""}) {
    CAPTURE(text);
    CHECK_FALSE(read_json(text).has_value());
  }
}

TEST_CASE("read_json agrees with the reference on damaged scalars") {
  Random random(3);
  for (int i = 0; i < 50000; ++i) {
    const std::string text = damaged(random, random_scalar(random));
    if (text.empty() || text.front() == '[' || text.front() == '{' || text.front() == ' ' ||
        text.back() == ' ' || text.front() == '\n' || text.back() == '\n' || text.front() == '\t' ||
        text.back() == '\t') {
      continue;
    }
    const std::vector<char> exact(text.begin(), text.end());  // nothing after it may be read
    const bool found = read_json({exact.data(), exact.size()}).has_value();
    if (found != reference_valid(text)) {
      CAPTURE(text);
      CHECK(found == reference_valid(text));
    }
  }
}

TEST_CASE("strings are decoded and encoded") {
  Arena arena;
  const auto decode = [&](std::string_view text) { return std::string(decode_string(read(text), arena)); };
  CHECK(decode(R"("a\"\\\/\b\f\n\r\tz")") == "a\"\\/\b\f\n\r\tz");
  CHECK(decode(R"("\u0041\u00e9\u20ac\ud83d\ude00")") == "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(decode(R"("\u0000x")") == std::string("\0x", 2));
  CHECK(decode("\"plain\"") == "plain");
  CHECK(decoded(read(R"("a\nb")"), arena).form() == Value::Form::plain);
  CHECK(quoted("a\"\\\b\f\n\r\t\x01\x1f/\x7f\xc3\xa9") ==
        "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\x7f\xc3\xa9\"");
  CHECK(written(read(R"("\u0041\/")")) == R"("\u0041\/")");
  CHECK(written(Value::json_string("", false)) == "\"\"");
  Random random(4);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = random_string(random);
    const std::string once = decode(text);
    const std::string again = decode(quoted(once));
    if (once != again) CHECK(once == again);
  }
}

TEST_CASE("floats are written by their shortest digits") {
  CHECK(as_float(0.0) == "0.0");
  CHECK(as_float(-0.0) == "-0.0");
  CHECK(as_float(1.0) == "1.0");
  CHECK(as_float(-2.0) == "-2.0");
  CHECK(as_float(0.1) == "0.1");
  CHECK(as_float(1.5) == "1.5");
  CHECK(as_float(100000.0) == "100000.0");
  CHECK(as_float(123456.789) == "123456.789");
  CHECK(as_float(9007199254740992.0) == "9007199254740992.0");
  CHECK(as_float(1e15) == "1000000000000000.0");
  CHECK(as_float(1e16) == "1e16");
  CHECK(as_float(1.5e300) == "1.5e300");
  CHECK(as_float(0.00001) == "0.00001");
  CHECK(as_float(0.0000125) == "0.0000125");
  CHECK(as_float(1e-6) == "1e-6");
  CHECK(as_float(-1.25e-9) == "-1.25e-9");
  CHECK(as_float(5e-324) == "5e-324");
  CHECK(as_float(1.7976931348623157e308) == "1.7976931348623157e308");
  Random random(5);
  for (int i = 0; i < 20000; ++i) {
    const double mantissa = static_cast<double>(random.below(1U << 31)) * (random.chance(50) ? 1 : 1e-9);
    const double number = std::ldexp(mantissa, static_cast<int>(random.below(1200)) - 600);
    const std::string text = as_float(number);
    if (std::strtod(text.c_str(), nullptr) != number || !reference_valid(text) || text.size() > 32) {
      CHECK(text == std::to_string(number));
    }
    const Value value = read(text);
    if (value.type() != Type::floating) CHECK(text == "a float");
  }
}

TEST_CASE("fractions of powers of two are written by the digits that a search for the shortest finds") {
  Random random(6);
  for (int i = 0; i < 20000; ++i) {
    const auto digits = random.below(44);
    const double whole = static_cast<double>(random.below(1U << 31) * 4 + random.below(4)) /
                         std::ldexp(1, 32) * std::ldexp(1, static_cast<int>(digits));
    double number = std::floor(whole * 1024) / 1024 * (random.chance(50) ? 1 : -1);
    if (random.chance(30)) number = std::trunc(number);
    const std::string text = as_float(number);
    REQUIRE(std::strtod(text.c_str(), nullptr) == number);
    char shortest[64];
    const auto end =
        std::to_chars(shortest, shortest + sizeof shortest, number, std::chars_format::fixed).ptr;
    std::string expected(shortest, end);
    if (expected.find('.') == std::string::npos) expected += ".0";
    if (std::fabs(number) < 1e15) REQUIRE(text == expected);
  }
}

TEST_CASE("timestamps are written as RFC 3339 in UTC") {
  CHECK(as_time(0) == "1970-01-01T00:00:00Z");
  CHECK(as_time(1767323045LL * 1'000'000'000) == "2026-01-02T03:04:05Z");
  CHECK(as_time(1767323045LL * 1'000'000'000 + 120'000'000) == "2026-01-02T03:04:05.120Z");
  CHECK(as_time(1767323045LL * 1'000'000'000 + 120'001'000) == "2026-01-02T03:04:05.120001Z");
  CHECK(as_time(1767323045LL * 1'000'000'000 + 1) == "2026-01-02T03:04:05.000000001Z");
  CHECK(as_time(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(as_time(951782400LL * 1'000'000'000) == "2000-02-29T00:00:00Z");
  CHECK(as_time(4107542400LL * 1'000'000'000) == "2100-03-01T00:00:00Z");
  CHECK(as_time(std::numeric_limits<std::int64_t>::min()) == "1677-09-21T00:12:43.145224192Z");
  CHECK(as_time(std::numeric_limits<std::int64_t>::max()) == "2262-04-11T23:47:16.854775807Z");
}

TEST_CASE("values are written as compact JSON") {
  const Value items[] = {Value::integer(1), Value(), Value::boolean(true), Value::floating(2)};
  const Value empty[] = {Value()};
  const Member members[] = {{"a\"", Value::built_array(items, 4)},
                            {"b", Value::bytes("fooba")},
                            {"c", Value::timestamp(0)},
                            {"d", Value::duration(-5)},
                            {"e", Value::built_object(nullptr, 0)},
                            {"f", Value::built_array(empty, 0)},
                            {"g", read("{ \"x\" : 1.10 }")}};
  CHECK(
      written(Value::built_object(members, 7)) ==
      R"({"a\"":[1,null,true,2.0],"b":"Zm9vYmE=","c":"1970-01-01T00:00:00Z","d":-5,"e":{},"f":[],"g":{ "x" : 1.10 }})");
  CHECK(written(Value::bytes("")) == "\"\"");
  CHECK(written(Value::bytes("f")) == "\"Zg==\"");
  CHECK(written(Value::bytes("foo")) == "\"Zm9v\"");
  CHECK(written(Value::integer(std::numeric_limits<std::int64_t>::min())) == "-9223372036854775808");
}

TEST_CASE("deeply nested values of a program are written and compared without stack overflow") {
  std::vector<Value> levels(200000);
  levels[0] = Value::integer(1);
  for (std::size_t i = 1; i < levels.size(); ++i) levels[i] = Value::built_array(&levels[i - 1], 1);
  CHECK(written(levels.back()).size() == 2 * (levels.size() - 1) + 1);
  Arena arena;
  CHECK_FALSE(equal(levels.back(), levels.back(), arena));
}

TEST_CASE("numbers compare by exact value") {
  CHECK(order("1", "2") == -1);
  CHECK(order("1.0", "1") == 0);
  CHECK(order("-0", "0.0") == 0);
  CHECK(order("9007199254740993", "9007199254740992.0") == 1);
  CHECK(order("9007199254740992", "9007199254740992.0") == 0);
  CHECK(order("9223372036854775807", "9223372036854775808.0") == -1);
  CHECK(order("-9223372036854775808", "-9223372036854775808.0") == 0);
  CHECK(order("1", "1.5") == -1);
  CHECK(order("-1", "-1.5") == 1);
  CHECK(order("12345678901234567890", "9223372036854775807") == 1);
  CHECK(order("12345678901234567890", "12345678901234567891") == -1);
  CHECK(order("-12345678901234567890", "-12345678901234567891") == 1);
  CHECK(order("12345678901234567890", "1.2345678901234567e19") == 1);  // the double is 12345678901234567168
  CHECK(order("12345678901234567168", "1.2345678901234567e19") == 0);
  CHECK(order("1e400", "1e401") == -1);
  CHECK(order("1e400", "10e399") == 0);
  CHECK(order("1e400", "1.0e+0400") == 0);
  CHECK(order("-1e400", "1e-400") == -1);
  CHECK(order("1e-400", "0") == 1);
  CHECK(order("-1e-400", "0.0") == -1);
  CHECK(order("1e-400", "5e-324") == -1);
  CHECK(order("1e400", "1.7976931348623157e308") == 1);
  CHECK(order("1e99999999999999999999", "1e99999999999999999998") == 1);
  CHECK(order("100000000000000000000", "1e20") == 0);
  CHECK(order("100000000000000000001", "1e20") == 1);
  CHECK(order("0.1", "0.1000000000000000055511151231257827") == 0);
  CHECK_FALSE(same("1", "\"1\""));
  CHECK_FALSE(same("1", "true"));
  CHECK_FALSE(same("0", "null"));
}

TEST_CASE("the order is the language's") {
  Arena arena;
  CHECK(order("\"a\"", "\"b\"") == -1);
  CHECK(order(R"("\u0061")", "\"a\"") == 0);
  CHECK(order("\"a\"", "\"aa\"") == -1);
  CHECK(order("\"\xc3\xa9\"", "\"z\"") == 1);
  CHECK_FALSE(compare(read("1"), read("\"1\""), arena).has_value());
  CHECK_FALSE(compare(read("true"), read("false"), arena).has_value());
  CHECK_FALSE(compare(Value(), Value(), arena).has_value());
  CHECK(*compare(Value::timestamp(1), Value::timestamp(2), arena) < 0);
  CHECK_FALSE(compare(Value::timestamp(1), Value::integer(2), arena).has_value());
  CHECK_FALSE(equal(Value::timestamp(1), Value::integer(1), arena));
  CHECK_FALSE(equal(Value::bytes("a"), Value::string("a"), arena));
  CHECK(equal(Value::bytes("a"), Value::bytes("a"), arena));
}

TEST_CASE("equality is deep and ignores key order") {
  CHECK(same(R"({"a":1,"b":[1,{"c":null}]})", R"({ "b" : [1.0, {"\u0063":null}], "a":1.0 })"));
  CHECK_FALSE(same(R"({"a":1})", R"({"a":1,"b":null})"));
  CHECK_FALSE(same("[1,2]", "[2,1]"));
  CHECK_FALSE(same("[]", "{}"));
  CHECK(same(R"({"a":1,"a":2})", R"({"a":2})"));
  CHECK(same(R"({"a":1,"b":0,"\u0061":2})", R"({"b":0,"a":2})"));
  CHECK_FALSE(same(R"({"a":1,"a":2})", R"({"a":1})"));
}

TEST_CASE("walkers and lookups see the last of repeated keys and every item") {
  Arena arena;
  const Value object = read(R"({ "a" : 1, "b":{"x":[10, 20 ,30]}, "\u0061":"z\n" })");
  CHECK(written(find_member(object, "a", arena).value) == "\"z\\n\"");
  CHECK_FALSE(find_member(object, "c", arena).found);
  const Value x = find_member(find_member(object, "b", arena).value, "x", arena).value;
  CHECK(find_item(x, 0).value.as_int() == 10);
  CHECK(find_item(x, 2).value.as_int() == 30);
  CHECK(find_item(x, -1).value.as_int() == 30);
  CHECK(find_item(x, -3).value.as_int() == 10);
  CHECK_FALSE(find_item(x, 3).found);
  CHECK_FALSE(find_item(x, -4).found);
  CHECK_FALSE(find_item(object, 0).found);
  CHECK_FALSE(find_member(x, "a", arena).found);
  const Value expanded = expand(object, arena);
  REQUIRE(expanded.size() == 2);
  CHECK(expanded.members()[0].key == "a");
  CHECK(written(expanded.members()[0].value) == "\"z\\n\"");
  CHECK(written(expanded) == R"({"a":"z\n","b":{"x":[10, 20 ,30]}})");
  ObjectWalker members(object, arena);
  std::string keys;
  std::string_view key;
  Value value;
  while (members.next(key, value)) keys += std::string(key) + ",";
  CHECK(keys == "a,b,a,");
  CHECK_FALSE(members.bad());
  ArrayWalker none(read("[ ]"));
  CHECK_FALSE(none.next(value));
  CHECK_FALSE(none.bad());
}

TEST_CASE("malformed text below a value is detected when it is read") {
  Arena arena;
  Value item;
  for (const char* text : {"[1,]", "[,1]", "[1 2]", "[tru]", "[1", "[", "[\"a]", "[{]]"}) {
    CAPTURE(text);
    ArrayWalker walker(Value::json_array(text));
    while (walker.next(item)) {
    }
    CHECK(walker.bad());
    CHECK(expand(Value::json_array(text), arena).is_failed());
  }
  for (const char* text :
       {"{\"a\":1,}", "{\"a\"}", "{\"a\" 1}", "{a:1}", "{\"a\":nul}", "{\"\\x\":1}", "{", "{\"a\":1"}) {
    CAPTURE(text);
    CHECK(expand(Value::json_object(text), arena).is_failed());
    ObjectWalker walker(Value::json_object(text), arena);
    std::string_view key;
    while (walker.next(key, item)) {
    }
    CHECK(walker.bad());
  }
  CHECK(find_member(Value::json_object("{\"a\":nul,\"b\":1}"), "a", arena).bad);
  CHECK(find_member(Value::json_object("{\"a\":nul,\"b\":1}"), "b", arena).found);
  CHECK(find_item(Value::json_array("[1,x]"), 1).bad);
  CHECK(find_item(Value::json_array("[1,x]"), 0).found);
}

TEST_CASE("walkers agree with the reference on generated text") {
  Random random(6);
  Arena arena;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = random_object(random, 3);
    const std::string trimmed = text.substr(text.find('{'), text.rfind('}') + 1 - text.find('{'));
    const std::vector<char> exact(trimmed.begin(), trimmed.end());
    const Value object = Value::json_object({exact.data(), exact.size()});
    std::string expected;
    for (const auto& [key, value] : ReferenceParser(trimmed).members())
      expected += key + "=" + std::string(value) + "\n";
    std::string found;
    ObjectWalker walker(object, arena);
    std::string_view key;
    Value value;
    while (walker.next(key, value)) found += std::string(key) + "=" + written(value) + "\n";
    if (found != expected) CHECK(found == expected);
    CHECK_FALSE(walker.bad());
    if (!equal(object, expand(object, arena), arena)) CHECK(trimmed.empty());
    arena.reset();
  }
}
