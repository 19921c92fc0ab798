// Primitives for stepping over JSON text, shared by all its readers. Nothing here reads at or past `end`.
#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/record/bytes.h"

namespace pipec::runtime::json {

constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
constexpr bool is_digit(char c) {
  return static_cast<unsigned char>(c - '0') < 10;
}
// A byte that ends a number, `true`, `false` or `null`.
constexpr bool ends_scalar(char c) {
  return is_space(c) || c == ',' || c == ':' || c == '"' || c == '{' || c == '}' || c == '[' || c == ']';
}

inline const char* skip_space(const char* at, const char* end) {
  while (at < end && is_space(*at)) ++at;
  return at;
}
// Back over white space: the end of the text before it.
inline const char* skip_space_back(const char* at, const char* begin) {
  while (at > begin && is_space(at[-1])) --at;
  return at;
}
inline std::string_view trimmed(std::string_view text) {
  const char* begin = skip_space(text.data(), text.data() + text.size());
  const char* end = skip_space_back(text.data() + text.size(), begin);
  return {begin, static_cast<std::size_t>(end - begin)};
}

// From after the opening quote to the closing quote; nullptr if there is none.
const char* find_string_end(const char* at, const char* end);

// Whether the containers of a text with balanced brackets nest at most `levels` deep.
bool nests_within(std::string_view text, std::size_t levels);

// From the first byte of a value to the byte after its last. Checks only that brackets balance by kind and
// strings are closed. nullptr: the value is missing, cut off, unbalanced or nested deeper than kMaxDepth.
const char* skip_value(const char* at, const char* end);

// The inside of a JSON string: no control character, valid escapes without a lone surrogate, valid UTF-8.
bool check_string(std::string_view inside, bool& escaped);

// Decodes the escapes of a checked string; `out` has space for inside.size() bytes. Returns the length.
std::size_t unescape(std::string_view inside, char* out);

// Takes white space between tokens out of a text, in place. Returns the new size.
std::size_t compact(char* text, std::size_t size);

// Behind the number that begins at `at` (RFC 8259), or nullptr.
const char* skip_number(const char* at, const char* end);

}  // namespace pipec::runtime::json
