// Tables that the kernels share.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace pipec::runtime::json {

// By the byte after a backslash: 0 no escape, 1 a simple one, 2 `u`.
inline constexpr std::array<std::uint8_t, 256> kEscapes = [] {
  std::array<std::uint8_t, 256> table{};
  for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'}) table[static_cast<unsigned char>(c)] = 1;
  table['u'] = 2;
  return table;
}();

// The bytes that may follow a number, `true`, `false` or `null`.
inline constexpr std::array<bool, 256> kEndsScalar = [] {
  std::array<bool, 256> table{};
  for (const char c : {' ', '\t', '\n', '\r', ',', ':', ']', '}'})
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

// The value of a hex digit; 0x8000 for any other byte, so that or-ing four of them shows it.
inline constexpr std::array<std::uint16_t, 256> kHexDigits = [] {
  std::array<std::uint16_t, 256> table{};
  for (auto& entry : table) entry = 0x8000;
  for (int i = 0; i < 10; ++i) table[static_cast<std::size_t>('0' + i)] = static_cast<std::uint16_t>(i);
  for (int i = 0; i < 6; ++i) {
    table[static_cast<std::size_t>('a' + i)] = static_cast<std::uint16_t>(10 + i);
    table[static_cast<std::size_t>('A' + i)] = static_cast<std::uint16_t>(10 + i);
  }
  return table;
}();

// Four hex digits as a UTF-16 unit, or -1.
inline int hex_unit(const char* at) {
  const auto digit = [&](int i) -> int { return kHexDigits[static_cast<unsigned char>(at[i])]; };
  const int a = digit(0);
  const int b = digit(1);
  const int c = digit(2);
  const int d = digit(3);
  if ((a | b | c | d) & 0x8000) return -1;
  return a << 12 | b << 8 | c << 4 | d;
}

inline bool same4(const char* at, const char (&word)[5]) {
  return std::memcmp(at, word, 4) == 0;
}

}  // namespace pipec::runtime::json
