#include "runtime/json/kernel_versions.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

#include "pipec/runtime/json.h"
#include "runtime/json/kernel_tables.h"
#include "runtime/json/text.h"

#define PIPEC_KERNEL __attribute__((target("avx512f,avx512bw,avx512vbmi2,avx2,bmi,bmi2,popcnt,pclmul")))

namespace pipec::runtime::json {

namespace {

struct Masks {
  std::uint64_t quotes;
  std::uint64_t backslashes;
  std::uint64_t operators;
  std::uint64_t brackets;
};

struct Extra {
  std::uint64_t spaces;
  std::uint64_t controls;
  std::uint64_t wide;
};

struct Lines {
  std::uint64_t quotes;
  std::uint64_t backslashes;
  std::uint64_t operators;
  std::uint64_t colons;
  std::uint64_t commas;
  std::uint64_t spaces;
  std::uint64_t newlines;
};

struct Text {
  std::uint64_t quotes;
  std::uint64_t backslashes;
  std::uint64_t operators;
  std::uint64_t newlines;
};

struct Pairs {
  std::uint64_t hits;
  std::uint64_t backslashes;
};

// A block is one register here, and comparing returns the mask directly.
PIPEC_KERNEL inline __m512i load(const char* at) {
  return _mm512_loadu_si512(at);
}

// The constants are in memory: the compiler would recreate them in each iteration of the loop.
struct alignas(64) Same {
  char bytes[64];
  constexpr explicit Same(char c) : bytes{} {
    for (char& byte : bytes) byte = c;
  }
};
template <char c>
constexpr Same kSame(c);

template <char c>
PIPEC_KERNEL inline std::uint64_t equal_to(__m512i bytes) {
  return _mm512_cmpeq_epi8_mask(bytes, load(kSame<c>.bytes));
}

// Looked up by the low four bits of a byte: the same table in each lane of a register.
struct alignas(64) Table {
  char bytes[64];
  constexpr explicit Table(const char (&lane)[17]) : bytes{} {
    for (int i = 0; i < 64; ++i) bytes[i] = lane[i % 16];
  }
};
constexpr Table kOperators("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff:{,}\xff\xff");
constexpr Table kSpaces(" \xff\xff\xff\xff\xff\xff\xff\xff\t\n\xff\xff\r\xff\xff");

// As in kernel_avx2.cpp.
PIPEC_KERNEL inline std::uint64_t operators_of(__m512i bytes) {
  return _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(load(kOperators.bytes), bytes),
                                _mm512_or_si512(bytes, load(kSame<' '>.bytes)));
}

PIPEC_KERNEL inline std::uint64_t spaces_of(__m512i bytes) {
  return _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(load(kSpaces.bytes), bytes), bytes);
}

PIPEC_KERNEL inline Masks classify(const char* block) {
  const __m512i bytes = load(block);
  Masks masks;
  masks.quotes = equal_to<'"'>(bytes);
  masks.backslashes = equal_to<'\\'>(bytes);
  masks.operators = operators_of(bytes);
  masks.brackets = _mm512_movepi8_mask(_mm512_slli_epi16(bytes, 1));  // bit 6 of each byte
  return masks;
}

PIPEC_KERNEL inline Extra classify_more(const char* block) {
  const __m512i bytes = load(block);
  Extra extra;
  extra.spaces = spaces_of(bytes);
  extra.controls = _mm512_cmple_epu8_mask(bytes, load(kSame<'\x1f'>.bytes));
  extra.wide = _mm512_movepi8_mask(bytes);
  return extra;
}

PIPEC_KERNEL inline Lines classify_lines(const char* block) {
  const __m512i bytes = load(block);
  Lines lines;
  lines.quotes = equal_to<'"'>(bytes);
  lines.backslashes = equal_to<'\\'>(bytes);
  lines.operators = operators_of(bytes);
  lines.colons = equal_to<':'>(bytes);
  lines.commas = equal_to<','>(bytes);
  lines.spaces = spaces_of(bytes);
  lines.newlines = equal_to<'\n'>(bytes);
  return lines;
}

PIPEC_KERNEL inline Text classify_text(const char* block) {
  const __m512i bytes = load(block);
  return {equal_to<'"'>(bytes), equal_to<'\\'>(bytes), operators_of(bytes), equal_to<'\n'>(bytes)};
}

PIPEC_KERNEL inline Pairs classify_pairs(const char* first, char a, const char* second, char b,
                                         const char* block) {
  return {_mm512_cmpeq_epi8_mask(load(first), _mm512_set1_epi8(a)) &
              _mm512_cmpeq_epi8_mask(load(second), _mm512_set1_epi8(b)),
          equal_to<'\\'>(load(block))};
}

// 0, 1, 2 ...
struct alignas(64) Count {
  char bytes[64];
  constexpr Count() : bytes{} {
    for (int i = 0; i < 64; ++i) bytes[i] = static_cast<char>(i);
  }
};
constexpr Count kCount;

PIPEC_KERNEL inline void write_part(std::uint32_t* out, __m128i places, __m512i base) {
  _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_maskz_cvtepu8_epi32(0xffff, places), base));
}

PIPEC_KERNEL inline std::uint32_t* write_offsets(std::uint32_t* out, std::uint32_t base, std::uint64_t bits) {
  const __m512i places = _mm512_maskz_compress_epi8(bits, load(kCount.bytes));
  const __m512i from = _mm512_set1_epi32(static_cast<int>(base));
  const int count = __builtin_popcountll(bits);
  // Not the plain extractions, for which GCC 12 warns about uninitialised use.
  write_part(out, _mm512_maskz_extracti32x4_epi32(0xf, places, 0), from);
  if (count > 16) [[unlikely]] {
    write_part(out + 16, _mm512_maskz_extracti32x4_epi32(0xf, places, 1), from);
    write_part(out + 32, _mm512_maskz_extracti32x4_epi32(0xf, places, 2), from);
    write_part(out + 48, _mm512_maskz_extracti32x4_epi32(0xf, places, 3), from);
  }
  return out + count;
}

#include "runtime/json/kernel_x86.inc"
// Uses the above.
#include "runtime/json/kernel_loops.inc"

constexpr Kernel kKernel{"avx512", members, validate, flat, valid_flat, operators, quotes, follow, find};

}  // namespace

const Kernel* avx512_kernel() {
  __builtin_cpu_init();
  const bool usable = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx2") &&
                      __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                      __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
  return usable ? &kKernel : nullptr;
}

}  // namespace pipec::runtime::json

#else

namespace pipec::runtime::json {
const Kernel* avx512_kernel() {
  return nullptr;
}
}  // namespace pipec::runtime::json

#endif
