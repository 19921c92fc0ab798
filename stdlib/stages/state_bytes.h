// Words and texts in the values of a stage's saved state. Readers take bytes from the front of `from`;
// nothing if there are too few.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pipec::stdlib {

inline void write_word(std::uint64_t word, std::string& out) {
  char bytes[sizeof word];
  for (char& byte : bytes) {
    byte = static_cast<char>(word & 0xff);
    word >>= 8;
  }
  out.append(bytes, sizeof bytes);
}

inline void write_text(std::string_view text, std::string& out) {
  write_word(text.size(), out);
  out += text;
}

inline std::optional<std::uint64_t> read_word(std::string_view& from) {
  if (from.size() < 8) return std::nullopt;
  std::uint64_t word = 0;
  for (unsigned i = 8; i-- > 0;) word = word << 8 | static_cast<unsigned char>(from[i]);
  from.remove_prefix(8);
  return word;
}

inline std::optional<std::string_view> read_text(std::string_view& from) {
  const auto size = read_word(from);
  if (!size || *size > from.size()) return std::nullopt;
  const std::string_view text = from.substr(0, static_cast<std::size_t>(*size));
  from.remove_prefix(text.size());
  return text;
}

// 16 digits, so that keys sort like their numbers.
inline std::string hexadecimal(std::uint64_t number) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (unsigned i = 16; i-- > 0;) digits += kDigits[number >> (4 * i) & 0xf];
  return digits;
}

inline std::optional<std::uint64_t> read_hexadecimal(std::string_view digits) {
  if (digits.size() != 16) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return value;
}

}  // namespace pipec::stdlib
