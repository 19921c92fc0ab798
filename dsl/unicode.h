// UTF-8 and how wide characters are on a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pipec::dsl {

struct Decoded {
  char32_t code_point = 0;
  unsigned bytes = 1;  // 1 where the text is not UTF-8
  bool valid = false;
};

// `at` is within the text. Overlong forms, surrogates and everything beyond U+10FFFF are invalid.
Decoded decode_utf8(std::string_view text, std::size_t at);
void append_utf8(std::string& out, char32_t code_point);

// Cells on a terminal: 0 for combining marks and control characters, 2 for East Asian wide ones and emoji,
// else 1.
unsigned cell_width(char32_t code_point);

// True for every byte that begins a character; an invalid continuation byte counts with the one before it.
inline bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace pipec::dsl
