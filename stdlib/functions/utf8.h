// Characters are Unicode code points. A character begins at every byte that is not a continuation byte: exact
// for UTF-8, and defined (never out of bounds) for anything else.
#pragma once

#include <cstddef>
#include <string_view>

#include "pipec/runtime/utf8.h"

namespace pipec::stdlib {

using runtime::is_utf8;

inline bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

inline std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (const char byte : text) count += begins_character(byte) ? 1 : 0;
  return count;
}

// The first byte after the character that begins at `at` (or contains it).
inline std::size_t next_character(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && !begins_character(text[at])) ++at;
  return at < text.size() ? at : text.size();
}

// Where the character with this number begins; the end if there are fewer.
inline std::size_t offset_of_character(std::string_view text, std::size_t number) {
  std::size_t at = 0;
  while (number > 0 && at < text.size()) {
    at = next_character(text, at);
    --number;
  }
  return at;
}

// The number of bytes of the white space character (Unicode White_Space) at the start, or at the end; 0: none
// there.
std::size_t leading_white_space(std::string_view text);
std::size_t trailing_white_space(std::string_view text);

}  // namespace pipec::stdlib
