// Copying text and looking at it on the way, for the transcoders: sixteen bytes at a time.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstdint>
#include <cstring>

namespace pipec::runtime::record {

// Properties of sixteen bytes, one bit for each byte.
struct Sixteen {
  unsigned special = 0;  // characters that JSON must escape between quotes: `"`, `\\`, control characters
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

// Copies sixteen bytes and classifies them; all must be readable and writable.
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

}  // namespace pipec::runtime::record
