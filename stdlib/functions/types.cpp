// Types and conversion. Conversion is strict: trailing text after a number is an error.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipec/runtime/evaluate.h"
#include "stdlib/functions/compact_json.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/number.h"
#include "stdlib/functions/quote.h"

namespace pipec::stdlib {

namespace {

constexpr std::string_view kPathOnly = "has() takes a path";

// The compiler turns has(path) into a dedicated operation; this entry is its documentation.
Value has(CallContext& context, Arguments) {
  return context.fail(kPathOnly);
}

// A sign, then decimal digits or 0x and hexadecimal ones; nothing else.
Value integer_from_text(CallContext& context, std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  }
  std::uint64_t magnitude = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (digits.empty() || read.ptr != digits.data() + digits.size() || read.ec == std::errc::invalid_argument) {
    return context.fail("not an integer: " + quote(text));
  }
  const std::uint64_t limit = static_cast<std::uint64_t>(INT64_MAX) + (negative ? 1 : 0);
  if (read.ec != std::errc() || magnitude > limit) return context.fail("beyond 64 bits: " + quote(text));
  // Two's complement: right for the least integer too.
  return Value::integer(static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude));
}

Value to_int(CallContext& context, Arguments arguments) {
  const Value& value = arguments[0];
  switch (value.type()) {
    case Type::boolean:
      return Value::integer(value.as_bool() ? 1 : 0);
    case Type::string:
      return integer_from_text(context, value.text());
    case Type::floating:
      if (value.is_beyond()) return context.fail(kBeyond);
      if (value.as_float() != std::trunc(value.as_float())) {
        return context.fail("the number is not whole; floor, ceil or round it");
      }
      return integer_or_fail(context, value.as_float());
    default:
      break;
  }
  return value.is_beyond() ? context.fail(kBeyond) : Value::integer(value.as_int());
}

bool is_hexadecimal(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text.starts_with("0x") || text.starts_with("0X");
}

// A decimal number, as JSON writes it or with a plus sign, or 0x and hexadecimal digits.
Value float_from_text(CallContext& context, std::string_view text) {
  if (is_hexadecimal(text)) {
    const Value whole = integer_from_text(context, text);
    return whole.is_failed() ? whole : Value::floating(static_cast<double>(whole.as_int()));
  }
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const bool plain = digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  double number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (!plain || (digits.size() < text.size() && digits.starts_with('-')) ||
      read.ec == std::errc::invalid_argument || read.ptr != digits.data() + digits.size()) {
    return context.fail("not a number: " + quote(text));
  }
  if (read.ec != std::errc()) return context.fail("no double holds " + quote(text));
  return Value::floating(number);
}

Value to_float(CallContext& context, Arguments arguments) {
  const Value& value = arguments[0];
  if (value.type() == Type::string) return float_from_text(context, value.text());
  if (value.type() == Type::boolean) return Value::floating(value.as_bool() ? 1 : 0);
  if (value.is_beyond()) {
    char room[runtime::kUnsignedDigits];
    return float_from_text(context, runtime::exact_text(value, room));
  }
  return Value::floating(to_double(value));
}

Value to_bool(CallContext& context, Arguments arguments) {
  const Value& value = arguments[0];
  if (value.type() == Type::boolean) return value;
  if (value.type() == Type::string) {
    if (value.text() == "true") return Value::boolean(true);
    if (value.text() == "false") return Value::boolean(false);
    return context.fail("neither 'true' nor 'false': " + quote(value.text()));
  }
  if (!value.is_beyond() && to_double(value) == 0) return Value::boolean(false);
  if (!value.is_beyond() && to_double(value) == 1) return Value::boolean(true);
  return context.fail("the number is neither 0 nor 1");
}

Value to_string(CallContext& context, Arguments arguments) {
  if (arguments[0].type() == Type::string) return arguments[0];
  if (arguments[0].type() == Type::array || arguments[0].type() == Type::object) {
    const auto text = compact_json(context, arguments[0]);
    return text ? Value::string(*text) : Value::failed();
  }
  const auto text = runtime::interpolated(arguments[0], context.arena());
  return text ? Value::string(*text) : Value();
}

Value type_of(CallContext&, Arguments arguments) {
  return Value::string(type_name(arguments[0].type()));
}

template <Type type>
Value is_type(CallContext&, Arguments arguments) {
  return Value::boolean(arguments[0].type() == type);
}

Value is_number(CallContext&, Arguments arguments) {
  return Value::boolean(arguments[0].is_number());
}

}  // namespace

void register_types(Registry& registry) {
  const Parameter any = required("value", TypeSet::any());
  const Parameter convertible = required("value", TypeSet::number() | Type::string | Type::boolean);
  Parameter path = required("path", TypeSet::any());
  path.kind = Parameter::Kind::path;

  Family family(registry, "types");
  family.add("has", {path}, Type::boolean, "Whether the field exists, even if it is null",
             {{"has(.missing)", "false"}}, has);
  family.add(
      "int", {convertible}, Type::integer, "Converts a string, a whole number or a bool to an integer",
      {{R"(int("42"))", "42"}, {R"(int("0xff"))", "255"}, {"int(2.0)", "2"}, {R"(int("4 apples"))", "error"}},
      to_int);
  family.add("float", {convertible}, Type::floating, "Converts a string, a number or a bool to a float",
             {{R"(float("1.5e3"))", "1500.0"}, {"float(2)", "2.0"}}, to_float);
  family.add("bool", {convertible}, Type::boolean, R"(The bool that "true", "false", 0 or 1 stands for)",
             {{R"(bool("true"))", "true"}, {"bool(0)", "false"}, {R"(bool("yes"))", "error"}}, to_bool);
  family.add("string", {any}, TypeSet(Type::string) | Type::null,
             "The value as text, as in an interpolated string; null stays null",
             {{"string(1.0)", R"("1.0")"}, {"string([1, true])", R"("[1,true]")"}, {"string(null)", "null"}},
             to_string);
  family.add("type", {any}, Type::string, "The name of the value's type",
             {{"type(1)", R"("int")"}, {"type(null)", R"("null")"}, {"type({})", R"("object")"}}, type_of);
  family.add("is_string", {any}, Type::boolean, "Whether the value is a string",
             {{R"(is_string("a"))", "true"}}, is_type<Type::string>);
  family.add("is_number", {any}, Type::boolean, "Whether the value is an int or a float",
             {{"is_number(1.5)", "true"}}, is_number);
  family.add("is_int", {any}, Type::boolean, "Whether the value is an int", {{"is_int(1.0)", "false"}},
             is_type<Type::integer>);
  family.add("is_float", {any}, Type::boolean, "Whether the value is a float", {{"is_float(1.0)", "true"}},
             is_type<Type::floating>);
  family.add("is_bool", {any}, Type::boolean, "Whether the value is a bool", {{"is_bool(false)", "true"}},
             is_type<Type::boolean>);
  family.add("is_array", {any}, Type::boolean, "Whether the value is an array", {{"is_array([])", "true"}},
             is_type<Type::array>);
  family.add("is_object", {any}, Type::boolean, "Whether the value is an object",
             {{"is_object([])", "false"}}, is_type<Type::object>);
  family.add("is_timestamp", {any}, Type::boolean, "Whether the value is a timestamp",
             {{R"(is_timestamp("2026-01-02"))", "false"}}, is_type<Type::timestamp>);
  family.add("is_bytes", {any}, Type::boolean, "Whether the value is bytes", {{R"(is_bytes("a"))", "false"}},
             is_type<Type::bytes>);
  family.add("is_null", {any}, Type::boolean, "Whether the value is null, or missing",
             {{"is_null(null)", "true"}}, is_type<Type::null>);
}

}  // namespace pipec::stdlib
