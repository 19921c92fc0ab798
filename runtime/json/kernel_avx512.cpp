#include "runtime/json/kernel_versions.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

#include "pipec/runtime/json.h"
#include "runtime/json/kernel_tables.h"
#include "runtime/json/text.h"

#define PIPEC_KERNEL __attribute__((target("avx512f,avx512bw,avx2,bmi,bmi2,popcnt,pclmul")))

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

struct Pairs {
  std::uint64_t hits;
  std::uint64_t backslashes;
};

// A block is one register here, and comparing gives the mask at once.
PIPEC_KERNEL inline __m512i load(const char* at) {
  return _mm512_loadu_si512(at);
}

PIPEC_KERNEL inline std::uint64_t equal_to(__m512i bytes, char c) {
  return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(c));
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
                                _mm512_or_si512(bytes, _mm512_set1_epi8(0x20)));
}

PIPEC_KERNEL inline std::uint64_t spaces_of(__m512i bytes) {
  return _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(load(kSpaces.bytes), bytes), bytes);
}

PIPEC_KERNEL inline Masks classify(const char* block) {
  const __m512i bytes = load(block);
  Masks masks;
  masks.quotes = equal_to(bytes, '"');
  masks.backslashes = equal_to(bytes, '\\');
  masks.operators = operators_of(bytes);
  masks.brackets = _mm512_movepi8_mask(_mm512_slli_epi16(bytes, 1));  // bit 6 of each byte
  return masks;
}

PIPEC_KERNEL inline Extra classify_more(const char* block) {
  const __m512i bytes = load(block);
  Extra extra;
  extra.spaces = spaces_of(bytes);
  extra.controls = _mm512_cmple_epu8_mask(bytes, _mm512_set1_epi8(0x1f));
  extra.wide = _mm512_movepi8_mask(bytes);
  return extra;
}

PIPEC_KERNEL inline Lines classify_lines(const char* block) {
  const __m512i bytes = load(block);
  Lines lines;
  lines.quotes = equal_to(bytes, '"');
  lines.backslashes = equal_to(bytes, '\\');
  lines.operators = operators_of(bytes);
  lines.colons = equal_to(bytes, ':');
  lines.commas = equal_to(bytes, ',');
  lines.spaces = spaces_of(bytes);
  lines.newlines = equal_to(bytes, '\n');
  return lines;
}

PIPEC_KERNEL inline Pairs classify_pairs(const char* first, char a, const char* second, char b,
                                         const char* block) {
  return {equal_to(load(first), a) & equal_to(load(second), b), equal_to(load(block), '\\')};
}

#include "runtime/json/kernel_x86.inc"
// Uses the above.
#include "runtime/json/kernel_loops.inc"

constexpr Kernel kKernel{"avx512", members, validate, flat, flat_members, valid_flat, find};

}  // namespace

const Kernel* avx512_kernel() {
  __builtin_cpu_init();
  const bool usable = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
                      __builtin_cpu_supports("pclmul");
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
