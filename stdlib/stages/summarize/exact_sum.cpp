#include "stdlib/stages/summarize/exact_sum.h"

#include <cmath>

#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

namespace {

constexpr std::uint32_t kMostAdds = 1U << 29;
// Squares of doubles begin at 2^-2148; words below may hold zeros.
constexpr int kLowestWord = -72;
constexpr int kHighestWord = 72;

int floor_div(int value, int by) {
  return value >= 0 ? value / by : -((-value + by - 1) / by);
}

// magnitude * 2^exponent is the absolute value.
std::uint64_t split(double number, int& exponent) {
  const double mantissa = std::frexp(std::fabs(number), &exponent);
  exponent -= kMantissa;
  return static_cast<std::uint64_t>(std::ldexp(mantissa, kMantissa));
}

}  // namespace

void ExactSum::add(double number) {
  int exponent = 0;
  const std::uint64_t magnitude = split(number, exponent);
  add(magnitude, exponent, std::signbit(number));
}

void ExactSum::add(__int128 number) {
  const bool negative = number < 0;
  const auto magnitude =
      negative ? -static_cast<unsigned __int128>(number) : static_cast<unsigned __int128>(number);
  add(static_cast<std::uint64_t>(magnitude), 0, negative);
  add(static_cast<std::uint64_t>(magnitude >> 64), 64, negative);
}

void ExactSum::add_square(double number) {
  int exponent = 0;
  const auto magnitude = static_cast<unsigned __int128>(split(number, exponent));
  const unsigned __int128 square = magnitude * magnitude;
  add(static_cast<std::uint64_t>(square), 2 * exponent, false);
  add(static_cast<std::uint64_t>(square >> 64), 2 * exponent + 64, false);
}

void ExactSum::add_square(std::int64_t number) {
  const auto magnitude = static_cast<unsigned __int128>(number < 0 ? -static_cast<std::uint64_t>(number)
                                                                   : static_cast<std::uint64_t>(number));
  const unsigned __int128 square = magnitude * magnitude;
  add(static_cast<std::uint64_t>(square), 0, false);
  add(static_cast<std::uint64_t>(square >> 64), 64, false);
}

void ExactSum::add(std::uint64_t magnitude, int exponent, bool negative) {
  if (magnitude == 0) return;
  const int word = floor_div(exponent, 32);
  const auto wide = static_cast<unsigned __int128>(magnitude) << (exponent - word * 32);
  cover(word, word + 3);
  std::int64_t* at = words_.data() + (word - first_);
  for (unsigned i = 0; i < 3; ++i) {
    const auto part = static_cast<std::int64_t>(static_cast<std::uint32_t>(wide >> (32 * i)));
    at[i] += negative ? -part : part;
  }
  if (++adds_ == kMostAdds) carry();
}

void ExactSum::merge(const ExactSum& other) {
  if (other.words_.empty()) return;
  if (adds_ + other.adds_ > kMostAdds) carry();
  cover(other.first_, other.first_ + static_cast<int>(other.words_.size()));
  std::int64_t* at = words_.data() + (other.first_ - first_);
  for (const std::int64_t word : other.words_) *at++ += word;
  adds_ += other.adds_;
}

// Makes the words `from` to `to` - 1 exist.
void ExactSum::cover(int from, int to) {
  if (words_.empty()) first_ = from;
  if (from < first_) {
    words_.insert(words_.begin(), static_cast<std::size_t>(first_ - from), 0);
    first_ = from;
  }
  const auto needed = static_cast<std::size_t>(to - first_);
  if (needed > words_.size()) words_.resize(needed);
}

// Each word but the last is one of 32 bits afterwards; the last has the sign.
void ExactSum::carry() {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::int64_t over = words_[i] >> 32;
    const bool last = i + 1 == words_.size();
    if (over == 0 || (last && over == -1)) continue;
    if (last) words_.push_back(0);
    words_[i] -= over * (std::int64_t{1} << 32);
    words_[i + 1] += over;
  }
  adds_ = 1;
}

void ExactSum::write(std::string& out) const {
  ExactSum copy = *this;
  copy.carry();
  write_word(static_cast<std::uint64_t>(copy.first_), out);
  write_word(copy.words_.size(), out);
  for (const std::int64_t word : copy.words_) write_word(static_cast<std::uint64_t>(word), out);
}

std::optional<ExactSum> ExactSum::read(std::string_view& from) {
  const auto first = read_word(from);
  const auto count = first ? read_word(from) : std::nullopt;
  if (!count || *count > static_cast<std::uint64_t>(kHighestWord - kLowestWord)) return std::nullopt;
  ExactSum sum;
  const auto begin = static_cast<std::int64_t>(*first);
  if (begin < kLowestWord || begin + static_cast<std::int64_t>(*count) > kHighestWord) return std::nullopt;
  sum.first_ = static_cast<int>(begin);
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto word = read_word(from);
    if (!word) return std::nullopt;
    const auto number = static_cast<std::int64_t>(*word);
    if (number > INT64_C(0xffffffff) || number < -(INT64_C(1) << 32)) return std::nullopt;
    sum.words_.push_back(number);
  }
  sum.adds_ = 1;
  return sum;
}

}  // namespace pipec::stdlib
