// Hexadecimal digits.
#pragma once

#include <string_view>

#include "pipec/runtime/arena.h"

namespace pipec::stdlib {

// -1: no hexadecimal digit.
inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Lower case, two digits a byte.
inline std::string_view to_hex(std::string_view bytes, runtime::Arena& arena) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  char* text = arena.allocate(bytes.size() * 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text[2 * i] = kDigits[byte >> 4U];
    text[2 * i + 1] = kDigits[byte & 15U];
  }
  return {text, bytes.size() * 2};
}

}  // namespace pipec::stdlib
