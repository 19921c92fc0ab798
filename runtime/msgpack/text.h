// The check of strings, which are mostly short and ASCII: a few loads then, and no call.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "runtime/json/utf8.h"

namespace pipec::runtime::msgpack {

// Loads overlap instead of going byte by byte; nothing outside of the text is read.
inline bool is_ascii(const char* at, std::size_t size) {
  constexpr std::uint64_t kTops = 0x8080808080808080ULL;
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

inline bool valid_text(std::string_view text) {
  if (text.size() <= 128 && is_ascii(text.data(), text.size())) return true;
  return json::valid_utf8(text);
}

}  // namespace pipec::runtime::msgpack
