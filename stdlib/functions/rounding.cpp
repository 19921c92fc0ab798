#include "stdlib/functions/rounding.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

namespace pipec::stdlib {

namespace {

// The shortest decimal that reads back as the value: 0.d1d2d3... * 10^point. Digits have no sign.
struct Decimal {
  std::string digits;
  int point = 0;
};

Decimal shortest_decimal(double magnitude) {
  char text[40];
  const auto written = std::to_chars(text, text + sizeof text, magnitude, std::chars_format::scientific);
  std::string_view all(text, static_cast<std::size_t>(written.ptr - text));
  Decimal result;
  const std::size_t exponent = all.find('e');
  int power = 0;
  const char* first = all.data() + exponent + 1;
  if (*first == '+') ++first;
  std::from_chars(first, all.data() + all.size(), power);
  result.point = power + 1;
  for (const char c : all.substr(0, exponent)) {
    if (c != '.') result.digits += c;
  }
  return result;
}

}  // namespace

double round_decimal(double value, int digits) {
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return value;
  Decimal decimal = shortest_decimal(magnitude);
  const int kept = decimal.point + digits;  // how many of the digits stay
  if (kept >= static_cast<int>(decimal.digits.size())) return value;
  if (kept < 0) return std::copysign(0.0, value);

  const bool up = decimal.digits[static_cast<std::size_t>(kept)] >= '5';
  decimal.digits.resize(static_cast<std::size_t>(kept));
  if (up) {
    std::size_t i = decimal.digits.size();
    while (i > 0 && decimal.digits[i - 1] == '9') decimal.digits[--i] = '0';
    if (i > 0) {
      ++decimal.digits[i - 1];
    } else {
      decimal.digits.insert(decimal.digits.begin(), '1');
      ++decimal.point;
    }
  }
  const std::string text =
      "0." + (decimal.digits.empty() ? "0" : decimal.digits) + "e" + std::to_string(decimal.point);
  double result = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), result);
  if (read.ec != std::errc()) result = std::numeric_limits<double>::infinity();
  return std::copysign(result, value);
}

}  // namespace pipec::stdlib
