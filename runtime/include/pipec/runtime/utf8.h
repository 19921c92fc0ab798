// UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pipec::runtime {

// Loads overlap instead of going byte by byte; nothing outside of the text is read.
inline bool is_ascii(std::string_view text) {
  constexpr std::uint64_t kTops = 0x8080808080808080ULL;
  const char* const at = text.data();
  const std::size_t size = text.size();
  const auto load = [](const char* from) {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    return word;
  };
  const auto load_half = [](const char* from) {
    std::uint32_t word;
    std::memcpy(&word, from, sizeof word);
    return std::uint64_t{word};
  };
  if (size >= 8) {
    std::uint64_t all = load(at + size - 8);
    for (std::size_t i = 0; i + 8 < size; i += 8) all |= load(at + i);
    return (all & kTops) == 0;
  }
  if (size >= 4) return ((load_half(at) | load_half(at + size - 4)) & kTops) == 0;
  if (size == 0) return true;
  return static_cast<signed char>(at[0] | at[size - 1] | at[size / 2]) >= 0;
}

// For text that is long, or known not to be ASCII.
bool is_utf8_by_blocks(std::string_view text);

// Most texts are short and ASCII: a few loads then, and no call.
inline bool is_utf8(std::string_view text) {
  return (text.size() <= 128 && is_ascii(text)) || is_utf8_by_blocks(text);
}

// The length of the longest prefix that is UTF-8; text.size() where all is.
std::size_t valid_utf8_prefix(std::string_view text);

// Replaces each byte that is not part of valid UTF-8 with U+FFFD, for messages that quote input.
std::string printable_utf8(std::string_view text);

}  // namespace pipec::runtime
