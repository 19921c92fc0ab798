// Classes of ASCII characters, whatever the locale.
#pragma once

namespace pipec::stdlib {

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Part of a word: `\w`, or a byte of a character that is not ASCII.
inline bool is_word_byte(char c) {
  return is_digit(c) || is_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace pipec::stdlib
