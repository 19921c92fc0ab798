// The exact sum of any number of ints and doubles, or of their squares: a fixed-point number wide enough for
// all of them, of which only the words that are in use exist. Sums do not depend on the order of additions,
// so a result does not depend on batches or workers (S2); it is rounded once, when it is read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pipec::stdlib {

inline constexpr int kMantissa = 53;  // bits of a double's

class ExactSum {
 public:
  void add(double number);  // finite
  void add(__int128 number);
  void add_square(double number);
  void add_square(std::int64_t number);
  void merge(const ExactSum& other);

  // The double nearest to sum / divisor; infinite where none is.
  double over(std::uint64_t divisor) const;

  void write(std::string& out) const;
  static std::optional<ExactSum> read(std::string_view& from);
  std::size_t bytes() const { return words_.capacity() * sizeof(std::int64_t); }

  // sqrt((n * squares - sum * sum) / (n * (n - 1))) of n > 1 numbers.
  static double deviation(const ExactSum& sum, const ExactSum& squares, std::uint64_t n);

 private:
  // A magnitude as 32-bit digits, the lowest first; digit 0 is worth 2^(32 * first).
  struct Digits {
    std::vector<std::uint32_t> digits;
    int first = 0;
    bool negative = false;
  };
  void add(std::uint64_t magnitude, int exponent, bool negative);
  void cover(int from, int to);
  void carry();
  Digits digits() const;
  static Digits product(const Digits& a, const Digits& b);
  static Digits difference(const Digits& a, const Digits& b);  // |a| - |b|, which is not negative
  // mantissa * 2^exponent, rounded to what a double holds at that size.
  static double rounded(const Digits& number, std::uint64_t divisor, bool bounded, int& exponent);

  // words_[i] is worth 2^(32 * (first_ + i)). Between carries each takes up to `adds_` summands of 32 bits.
  std::vector<std::int64_t> words_;
  int first_ = 0;
  std::uint32_t adds_ = 0;
};

}  // namespace pipec::stdlib
