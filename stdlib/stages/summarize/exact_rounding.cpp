// Exact sums as digits: their products and differences, and the one rounding at the end.
#include <algorithm>
#include <bit>
#include <cmath>

#include "stdlib/stages/summarize/exact_sum.h"

namespace pipec::stdlib {

namespace {

constexpr int kSmallestExponent = -1022;

}  // namespace

ExactSum::Digits ExactSum::digits() const {
  ExactSum copy = *this;
  copy.carry();
  Digits result;
  result.first = copy.first_;
  result.negative = !copy.words_.empty() && copy.words_.back() < 0;
  if (result.negative) {
    for (std::int64_t& word : copy.words_) word = -word;
    copy.carry();
  }
  for (const std::int64_t word : copy.words_) result.digits.push_back(static_cast<std::uint32_t>(word));
  return result;
}

ExactSum::Digits ExactSum::product(const Digits& a, const Digits& b) {
  Digits result;
  result.first = a.first + b.first;
  result.digits.assign(a.digits.size() + b.digits.size(), 0);
  for (std::size_t i = 0; i < a.digits.size(); ++i) {
    std::uint64_t over = 0;
    for (std::size_t j = 0; j < b.digits.size() || over != 0; ++j) {
      const std::uint64_t factor = j < b.digits.size() ? b.digits[j] : 0;
      over += result.digits[i + j] + a.digits[i] * factor;
      result.digits[i + j] = static_cast<std::uint32_t>(over);
      over >>= 32;
    }
  }
  return result;
}

ExactSum::Digits ExactSum::difference(const Digits& a, const Digits& b) {
  Digits result;
  result.first = std::min(a.first, b.first);
  const int end =
      std::max(a.first + static_cast<int>(a.digits.size()), b.first + static_cast<int>(b.digits.size()));
  const auto digit = [](const Digits& of, int at) -> std::int64_t {
    const int i = at - of.first;
    return i < 0 || i >= static_cast<int>(of.digits.size()) ? 0 : of.digits[static_cast<std::size_t>(i)];
  };
  std::int64_t over = 0;
  for (int at = result.first; at < end; ++at) {
    over += digit(a, at) - digit(b, at);
    result.digits.push_back(static_cast<std::uint32_t>(over));
    over >>= 32;
  }
  return result;
}

double ExactSum::rounded(const Digits& number, std::uint64_t divisor, bool bounded, int& exponent) {
  // Below the lowest digit a quotient goes on: three more digits are more than a mantissa.
  constexpr int kMore = 3;
  std::vector<std::uint32_t> quotient(number.digits.size() + kMore);
  unsigned __int128 rest = 0;
  for (std::size_t i = quotient.size(); i-- > 0;) {
    rest = rest << 32 | (i >= kMore ? number.digits[i - kMore] : 0);
    quotient[i] = static_cast<std::uint32_t>(rest / divisor);
    rest %= divisor;
  }
  std::size_t top = quotient.size();
  while (top > 0 && quotient[top - 1] == 0) --top;
  exponent = 0;
  if (top == 0) return 0;
  const int high = static_cast<int>(top) * 32 - 1 - std::countl_zero(quotient[top - 1]);  // its highest bit
  const int base = (number.first - kMore) * 32;
  int bits = kMantissa;
  if (bounded) bits -= std::max(0, kSmallestExponent - (base + high));
  if (bits < 0) return 0;
  const auto bit = [&](int at) {
    return at >= 0 && (quotient[static_cast<std::size_t>(at / 32)] >> (at % 32) & 1U) != 0;
  };
  std::uint64_t mantissa = 0;
  for (int i = 0; i < bits; ++i) mantissa = mantissa << 1 | (bit(high - i) ? 1U : 0U);
  const int half = high - bits;
  bool more = rest != 0;
  for (int at = half - 1; at >= 0 && !more; --at) more = bit(at);
  if (bit(half) && (more || (mantissa & 1U) != 0)) ++mantissa;
  exponent = base + half + 1;
  return static_cast<double>(mantissa) * (number.negative ? -1 : 1);
}

double ExactSum::over(std::uint64_t divisor) const {
  int exponent = 0;
  const double mantissa = rounded(digits(), divisor, true, exponent);
  return std::ldexp(mantissa, exponent);
}

double ExactSum::deviation(const ExactSum& sum, const ExactSum& squares, std::uint64_t n) {
  const Digits count{{static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32)}, 0, false};
  const Digits total = sum.digits();
  const Digits spread = difference(product(squares.digits(), count), product(total, total));
  int exponent = 0;
  double mantissa = rounded(spread, n, false, exponent) / static_cast<double>(n - 1);
  if (exponent % 2 != 0) {
    mantissa *= 2;
    --exponent;
  }
  return std::ldexp(std::sqrt(mantissa), exponent / 2);
}

}  // namespace pipec::stdlib
