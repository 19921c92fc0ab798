// Numbers as arguments: rejects those beyond 64 bits in one place.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pipec/runtime/function.h"

namespace pipec::stdlib {

inline constexpr std::string_view kBeyond = "the number is beyond 64 bits or a double";
inline constexpr std::string_view kOverflow = "the result is beyond a 64-bit integer";
inline constexpr std::string_view kNotFinite = "the result is not a finite number";

inline double to_double(const runtime::Value& number) {
  return number.type() == runtime::Type::integer ? static_cast<double>(number.as_int()) : number.as_float();
}

// nullopt where no 64-bit integer is equal to this whole number.
inline std::optional<std::int64_t> to_integer(double whole) {
  // 2^63 is exact as a double; the largest int64 is not.
  if (!(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0)) return std::nullopt;
  return static_cast<std::int64_t>(whole);
}

inline runtime::Value integer_or_fail(runtime::CallContext& context, double whole) {
  const auto integer = to_integer(whole);
  return integer ? runtime::Value::integer(*integer) : context.fail(kOverflow);
}

inline runtime::Value float_or_fail(runtime::CallContext& context, double value) {
  return std::isfinite(value) ? runtime::Value::floating(value) : context.fail(kNotFinite);
}

}  // namespace pipec::stdlib
