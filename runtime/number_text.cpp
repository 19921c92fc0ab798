#include "pipec/runtime/number_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

namespace pipec::runtime {

namespace {

// Eight digits of a number below 10^8, leading zeros too: halves, quarters and digits are split off in lanes
// of one word, each by a multiplication that stands for a division.
void write_eight_digits(std::uint64_t number, char* out) {
  const std::uint64_t fours = number / 10'000 | (number % 10'000) << 32;
  const std::uint64_t hundreds = (fours * 5'243 >> 19) & 0x0000007f0000007fULL;
  const std::uint64_t pairs = hundreds | (fours - hundreds * 100) << 16;
  const std::uint64_t tens = (pairs * 103 >> 10) & 0x000f000f000f000fULL;
  const std::uint64_t digits = (tens | (pairs - tens * 10) << 8) | 0x3030303030303030ULL;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(out, &digits, 8);
  } else {
    for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(digits >> (8 * i));
  }
}

// Numbers that 15 decimal digits give exactly: their exact digits are then the shortest ones too, since no
// two decimals of up to 15 digits are the same double. Handles those with at most 10 binary digits after the
// point (halves, 1/1024), the results of dividing integers by powers of two. 0: not one of them.
std::size_t format_short_fraction(double value, char* out) {
  constexpr double kLargest = 1e12;  // times 1024 it is still exact
  const double size = std::fabs(value);
  if (!(size > 0 && size < kLargest)) return 0;
  const auto scaled = static_cast<std::uint64_t>(size * 1024);
  if (static_cast<double>(scaled) != size * 1024) return 0;
  const std::uint64_t whole = scaled >> 10;
  const std::uint64_t part = scaled & 1023;
  // part / 1024 is odd / 2^places, which has as many decimal places.
  const int places = part == 0 ? 1 : 10 - std::countr_zero(part);
  // By the number of places after the point: below this value, there are at most 15 digits in all.
  constexpr std::uint64_t kWholes[] = {0,
                                       1'000'000'000'000,
                                       1'000'000'000'000,
                                       1'000'000'000'000,
                                       100'000'000'000,
                                       10'000'000'000,
                                       1'000'000'000,
                                       100'000'000,
                                       10'000'000,
                                       1'000'000,
                                       100'000};
  if (whole >= kWholes[places]) return 0;
  char* to = out;
  if (value < 0) *to++ = '-';
  to = std::to_chars(to, to + 16, whole).ptr;
  *to++ = '.';
  // All ten digits: the first two, then eight at once. Digits after the wanted places are zeros past the end.
  const std::uint64_t fraction = part * 9'765'625;
  const std::uint64_t first = fraction / 100'000'000;
  to[0] = static_cast<char>('0' + first / 10);
  to[1] = static_cast<char>('0' + first % 10);
  write_eight_digits(fraction % 100'000'000, to + 2);
  return static_cast<std::size_t>(to + places - out);
}

}  // namespace

std::size_t format_float(double value, char* out) {
  if (const std::size_t length = format_short_fraction(value, out)) return length;
  // Shortest digits first, then our own layout: without an exponent from 1e-5 up to below 1e16.
  char digits[32];
  char* const end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr;
  char* at = digits;
  char* const begin = out;
  if (*at == '-') *out++ = *at++;
  char mantissa[24];
  int count = 0;
  for (; *at != 'e'; ++at) {
    if (*at != '.') mantissa[count++] = *at;
  }
  ++at;
  if (*at == '+') ++at;
  int exponent = 0;
  std::from_chars(at, end, exponent);
  const auto put = [&](int from, int to) {
    for (int i = from; i < to; ++i) *out++ = i < count ? mantissa[i] : '0';
  };
  if (exponent >= 0 && exponent < 16) {
    put(0, exponent + 1);
    *out++ = '.';
    if (count > exponent + 1) {
      put(exponent + 1, count);
    } else {
      *out++ = '0';
    }
  } else if (exponent < 0 && exponent >= -5) {
    *out++ = '0';
    *out++ = '.';
    for (int i = -1; i > exponent; --i) *out++ = '0';
    put(0, count);
  } else {
    put(0, 1);
    if (count > 1) {
      *out++ = '.';
      put(1, count);
    }
    *out++ = 'e';
    out = std::to_chars(out, out + 8, exponent).ptr;
  }
  return static_cast<std::size_t>(out - begin);
}

std::size_t format_timestamp(std::int64_t nanoseconds, char* out) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  constexpr std::int64_t kDay = 86'400;
  std::int64_t seconds = nanoseconds / kSecond;
  std::int64_t fraction = nanoseconds % kSecond;
  if (fraction < 0) {
    fraction += kSecond;
    --seconds;
  }
  std::int64_t days = seconds / kDay;
  std::int64_t of_day = seconds % kDay;
  if (of_day < 0) {
    of_day += kDay;
    --days;
  }
  // The proleptic Gregorian calendar in eras of 400 years that begin on a 1st of March.
  days += 719'468;
  const std::int64_t era = days / 146'097;  // days >= 0 for every int64 of nanoseconds
  const std::int64_t of_era = days % 146'097;
  const std::int64_t year_of_era = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * of_year + 2) / 153;
  const std::int64_t day = of_year - (153 * shifted + 2) / 5 + 1;
  const std::int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  const std::int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);

  char* const begin = out;
  const auto put = [&](std::int64_t number, int width) {
    for (int i = width - 1; i >= 0; --i) {
      out[i] = static_cast<char>('0' + number % 10);
      number /= 10;
    }
    out += width;
  };
  put(year, 4);
  *out++ = '-';
  put(month, 2);
  *out++ = '-';
  put(day, 2);
  *out++ = 'T';
  put(of_day / 3600, 2);
  *out++ = ':';
  put(of_day / 60 % 60, 2);
  *out++ = ':';
  put(of_day % 60, 2);
  if (fraction != 0) {
    *out++ = '.';
    if (fraction % 1'000'000 == 0) {
      put(fraction / 1'000'000, 3);
    } else if (fraction % 1'000 == 0) {
      put(fraction / 1'000, 6);
    } else {
      put(fraction, 9);
    }
  }
  *out++ = 'Z';
  return static_cast<std::size_t>(out - begin);
}

}  // namespace pipec::runtime
