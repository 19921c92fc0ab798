// The check of strings, which are mostly short and ASCII: a few loads then, and no call.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

// What sixteen bytes hold, a bit for each.
struct Sixteen {
  unsigned special = 0;  // what JSON does not have as it is between quotes: `"`, `\\`, control characters
  unsigned high = 0;     // not ASCII
};

// Eight at a time, without vectors.
inline Sixteen look_at_sixteen(const char* from) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kLows = 0x7f7f7f7f7f7f7f7fULL;
  // The top bit of each byte that is zero.
  const auto zeros = [](std::uint64_t x) { return ~(((x & kLows) + kLows) | x | kLows); };
  const auto tops = [](std::uint64_t x) {
    return static_cast<unsigned>(((x & ~kLows) >> 7) * 0x0102040810204080ULL >> 56);
  };
  Sixteen found;
  for (unsigned i = 0; i < 16; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, from + i, sizeof word);
    const std::uint64_t control = zeros(word & (kOnes * 0xe0));
    found.special |= tops(control | zeros(word ^ (kOnes * '"')) | zeros(word ^ (kOnes * '\\'))) << i;
    found.high |= tops(word) << i;
  }
  return found;
}

// Copies sixteen bytes and looks at them on the way; all must be readable and writable.
inline Sixteen copy_sixteen(const char* from, char* to) {
#if defined(__SSE2__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  const __m128i special = _mm_or_si128(control, _mm_or_si128(quote, backslash));
  return {static_cast<unsigned>(_mm_movemask_epi8(special)), static_cast<unsigned>(_mm_movemask_epi8(bytes))};
#else
  const Sixteen found = look_at_sixteen(from);
  std::memcpy(to, from, 16);
  return found;
#endif
}

}  // namespace pipec::runtime::msgpack
