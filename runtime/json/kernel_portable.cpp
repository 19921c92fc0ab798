#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "pipec/runtime/json.h"
#include "runtime/json/kernel_tables.h"
#include "runtime/json/kernel_versions.h"
#include "runtime/json/text.h"

#define PIPEC_KERNEL

namespace pipec::runtime::json {

namespace {

struct Masks {
  std::uint64_t quotes = 0;
  std::uint64_t backslashes = 0;
  std::uint64_t operators = 0;
  std::uint64_t brackets = 0;
};

struct Extra {
  std::uint64_t spaces = 0;
  std::uint64_t controls = 0;
  std::uint64_t wide = 0;
};

struct Lines {
  std::uint64_t quotes = 0;
  std::uint64_t backslashes = 0;
  std::uint64_t operators = 0;
  std::uint64_t colons = 0;
  std::uint64_t commas = 0;
  std::uint64_t spaces = 0;
  std::uint64_t newlines = 0;
};

struct Text {
  std::uint64_t quotes = 0;
  std::uint64_t backslashes = 0;
  std::uint64_t operators = 0;
  std::uint64_t newlines = 0;
};

struct Pairs {
  std::uint64_t hits = 0;
  std::uint64_t backslashes = 0;
};

#if defined(__SSE2__)

// Every x86-64 processor has SSE2.
inline __m128i same(__m128i bytes, char c) {
  return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}
inline std::uint64_t bits_at(__m128i mask, int part) {
  return static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(mask))) << (16 * part);
}

inline Masks classify(const char* block) {
  Masks masks;
  for (int part = 0; part < 4; ++part) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
    const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    const __m128i brackets = _mm_or_si128(same(folded, '{'), same(folded, '}'));
    const __m128i separators = _mm_or_si128(same(folded, ':'), same(folded, ','));  // 0x1a, 0x0c too
    masks.quotes |= bits_at(same(bytes, '"'), part);
    masks.backslashes |= bits_at(same(bytes, '\\'), part);
    masks.operators |= bits_at(_mm_or_si128(brackets, separators), part);
    masks.brackets |= bits_at(brackets, part);
  }
  return masks;
}

inline Extra classify_more(const char* block) {
  Extra extra;
  for (int part = 0; part < 4; ++part) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
    const __m128i last_control = _mm_set1_epi8(0x1f);
    extra.spaces |= bits_at(_mm_or_si128(_mm_or_si128(same(bytes, ' '), same(bytes, '\t')),
                                         _mm_or_si128(same(bytes, '\n'), same(bytes, '\r'))),
                            part);
    extra.controls |= bits_at(_mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control), part);
    extra.wide |= bits_at(bytes, part);
  }
  return extra;
}

inline Lines classify_lines(const char* block) {
  const Masks masks = classify(block);
  Lines lines;
  lines.quotes = masks.quotes;
  lines.backslashes = masks.backslashes;
  lines.operators = masks.operators;
  for (int part = 0; part < 4; ++part) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
    lines.colons |= bits_at(same(bytes, ':'), part);
    lines.commas |= bits_at(same(bytes, ','), part);
    lines.spaces |= bits_at(_mm_or_si128(_mm_or_si128(same(bytes, ' '), same(bytes, '\t')),
                                         _mm_or_si128(same(bytes, '\n'), same(bytes, '\r'))),
                            part);
    lines.newlines |= bits_at(same(bytes, '\n'), part);
  }
  return lines;
}

inline Pairs classify_pairs(const char* first, char a, const char* second, char b, const char* block) {
  Pairs pairs;
  for (int part = 0; part < 4; ++part) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first + 16 * part));
    const __m128i y = _mm_loadu_si128(reinterpret_cast<const __m128i*>(second + 16 * part));
    const __m128i z = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
    pairs.hits |= bits_at(_mm_and_si128(same(x, a), same(y, b)), part);
    pairs.backslashes |= bits_at(same(z, '\\'), part);
  }
  return pairs;
}

#else

enum Class : std::uint8_t {
  kQuote = 1,
  kBackslash = 2,
  kOperator = 4,
  kBracket = 8,
  kSpace = 16,
  kControl = 32,
  kWide = 64
};

constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t i = 0; i < 256; ++i) table[i] = i < 0x20 ? kControl : (i >= 0x80 ? kWide : 0);
  for (const char c : {'{', '}', '[', ']'}) table[static_cast<unsigned char>(c)] |= kOperator | kBracket;
  for (const char c : {',', ':', '\x0c', '\x1a'}) table[static_cast<unsigned char>(c)] |= kOperator;
  for (const char c : {' ', '\t', '\n', '\r'}) table[static_cast<unsigned char>(c)] |= kSpace;
  table['"'] |= kQuote;
  table['\\'] |= kBackslash;
  return table;
}();

inline Masks classify(const char* block) {
  Masks masks;
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t c = kClasses[static_cast<unsigned char>(block[i])];
    masks.quotes |= (c & 1) << i;
    masks.backslashes |= (c >> 1 & 1) << i;
    masks.operators |= (c >> 2 & 1) << i;
    masks.brackets |= (c >> 3 & 1) << i;
  }
  return masks;
}

inline Extra classify_more(const char* block) {
  Extra extra;
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t c = kClasses[static_cast<unsigned char>(block[i])];
    extra.spaces |= (c >> 4 & 1) << i;
    extra.controls |= (c >> 5 & 1) << i;
    extra.wide |= (c >> 6 & 1) << i;
  }
  return extra;
}

inline Lines classify_lines(const char* block) {
  const Masks masks = classify(block);
  Lines lines;
  lines.quotes = masks.quotes;
  lines.backslashes = masks.backslashes;
  lines.operators = masks.operators;
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (block[i] == ':') lines.colons |= bit;
    if (block[i] == ',') lines.commas |= bit;
    if (is_space(block[i])) lines.spaces |= bit;
    if (block[i] == '\n') lines.newlines |= bit;
  }
  return lines;
}

inline Pairs classify_pairs(const char* first, char a, const char* second, char b, const char* block) {
  Pairs pairs;
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (first[i] == a && second[i] == b) pairs.hits |= bit;
    if (block[i] == '\\') pairs.backslashes |= bit;
  }
  return pairs;
}

#endif

inline Text classify_text(const char* block) {
  const Lines lines = classify_lines(block);
  return {lines.quotes, lines.backslashes, lines.operators, lines.newlines};
}

inline std::uint64_t prefix_xor(std::uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

inline std::uint32_t lowest(std::uint64_t bits) {
  return static_cast<std::uint32_t>(__builtin_ctzll(bits | std::uint64_t{1} << 63));
}

#include "runtime/json/kernel_offsets.inc"
// Uses the above.
#include "runtime/json/kernel_loops.inc"

constexpr Kernel kKernel{"portable", members, validate, flat, valid_flat, operators, nullptr, nullptr, find};

}  // namespace

const Kernel* portable_kernel() {
  return &kKernel;
}

}  // namespace pipec::runtime::json
