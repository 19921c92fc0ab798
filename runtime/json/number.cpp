#include "runtime/json/number.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "runtime/json/text.h"

namespace pipec::runtime::json {

namespace {

using Wide = __int128;  // decimal exponents of hostile numbers: 37 digits are exact, more of them saturate

// A decimal number as text: (-1)^negative * 0.d1d2d3... * 10^exponent, d1 not zero.
struct Decimal {
  bool negative = false;
  bool zero = true;
  std::string_view whole;  // digits before the point
  std::string_view fraction;
  std::size_t first = 0;  // index of d1 in whole + fraction
  Wide exponent = 0;

  char digit(std::size_t i) const {
    i += first;
    if (i < whole.size()) return whole[i];
    i -= whole.size();
    return i < fraction.size() ? fraction[i] : '0';
  }
  std::size_t digits() const { return whole.size() + fraction.size() - first; }
};

// `text` is a valid JSON number.
Decimal decimal_of(std::string_view text) {
  Decimal d;
  const char* at = text.data();
  const char* const end = at + text.size();
  if (*at == '-') {
    d.negative = true;
    ++at;
  }
  const char* begin = at;
  while (at < end && is_digit(*at)) ++at;
  d.whole = {begin, static_cast<std::size_t>(at - begin)};
  if (at < end && *at == '.') {
    begin = ++at;
    while (at < end && is_digit(*at)) ++at;
    d.fraction = {begin, static_cast<std::size_t>(at - begin)};
  }
  Wide written = 0;
  if (at < end) {  // e
    ++at;
    const bool down = *at == '-';
    if (*at == '-' || *at == '+') ++at;
    constexpr Wide kLargest = Wide{std::numeric_limits<std::int64_t>::max()} * 1'000'000'000'000'000'000;
    for (; at < end; ++at) {
      if (written < kLargest) written = written * 10 + (*at - '0');
    }
    if (down) written = -written;
  }
  const std::size_t count = d.whole.size() + d.fraction.size();
  while (d.first < count &&
         (d.first < d.whole.size() ? d.whole[d.first] : d.fraction[d.first - d.whole.size()]) == '0') {
    ++d.first;
  }
  d.zero = d.first == count;
  d.exponent = written + static_cast<Wide>(d.whole.size()) - static_cast<Wide>(d.first);
  return d;
}

int compare_decimals(const Decimal& a, const Decimal& b) {
  if (a.zero || b.zero) {
    if (a.zero && b.zero) return 0;
    const Decimal& other = a.zero ? b : a;
    return other.negative == a.zero ? 1 : -1;
  }
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int above = a.negative ? -1 : 1;
  if (a.exponent != b.exponent) return a.exponent > b.exponent ? above : -above;
  const std::size_t count = a.digits() > b.digits() ? a.digits() : b.digits();
  for (std::size_t i = 0; i < count; ++i) {
    const char x = a.digit(i);
    const char y = b.digit(i);
    if (x != y) return x > y ? above : -above;
  }
  return 0;
}

// The exact decimal value of any number. A finite double has at most 309 digits before the point and 1074
// after it.
struct ExactText {
  char bytes[1408];
  char digits[kUnsignedDigits];
  std::string_view of(const Value& number) {
    if (number.is_beyond()) return exact_text(number, digits);
    std::to_chars_result result{};
    if (number.type() == Type::integer) {
      result = std::to_chars(bytes, bytes + sizeof bytes, number.as_int());
    } else {
      result = std::to_chars(bytes, bytes + sizeof bytes, number.as_float(), std::chars_format::fixed, 1074);
    }
    return {bytes, static_cast<std::size_t>(result.ptr - bytes)};
  }
};

int compare_int_float(std::int64_t i, double f) {
  if (f >= 0x1p63) return -1;
  if (f < -0x1p63) return 1;
  const double whole = std::trunc(f);
  const auto truncated = static_cast<std::int64_t>(whole);
  if (i != truncated) return i < truncated ? -1 : 1;
  return f == whole ? 0 : (f > whole ? -1 : 1);
}

}  // namespace

std::optional<Value> read_number(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at < end && *at == '-';
  if (negative) ++at;
  const char* const digits = at;
  std::uint64_t value = 0;
  while (at < end && is_digit(*at)) {
    value =
        value * 10 + static_cast<std::uint64_t>(*at - '0');  // may wrap; such values are checked again below
    ++at;
  }
  const auto count = static_cast<std::size_t>(at - digits);
  if (count == 0 || (count > 1 && *digits == '0')) return std::nullopt;
  if (at == end) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    // 19 digits never wrap 64 unsigned bits.
    if (count > 19 || value > kMost + (negative ? 1 : 0))
      return Value::integer(0).with_text(text).beyond_machine();
    return Value::integer(static_cast<std::int64_t>(negative ? 0 - value : value)).with_text(text);
  }
  if (skip_number(text.data(), end) != end) return std::nullopt;
  double parsed = 0;
  const auto result = std::from_chars(text.data(), end, parsed);
  if (result.ec == std::errc{} && parsed != 0 && std::isfinite(parsed)) {
    return Value::floating(parsed).with_text(text);
  }
  const Decimal decimal = decimal_of(text);
  if (decimal.zero) return Value::floating(negative ? -0.0 : 0.0).with_text(text);
  // Too large or too small for a double; libraries differ in their results here.
  const double nearest = decimal.exponent > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  return Value::floating(negative ? -nearest : nearest).with_text(text).beyond_machine();
}

int compare_numbers(const Value& a, const Value& b) {
  if (!a.is_beyond() && !b.is_beyond()) {
    if (a.type() == b.type()) {
      if (a.type() == Type::integer) return a.as_int() < b.as_int() ? -1 : a.as_int() > b.as_int();
      return a.as_float() < b.as_float() ? -1 : a.as_float() > b.as_float();
    }
    return a.type() == Type::integer ? compare_int_float(a.as_int(), b.as_float())
                                     : -compare_int_float(b.as_int(), a.as_float());
  }
  ExactText x;
  ExactText y;
  return compare_decimals(decimal_of(x.of(a)), decimal_of(y.of(b)));
}

}  // namespace pipec::runtime::json
