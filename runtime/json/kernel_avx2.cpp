#include "runtime/json/kernel_versions.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>

#include "pipec/runtime/json.h"
#include "runtime/json/kernel_tables.h"
#include "runtime/json/text.h"

#define PIPEC_KERNEL __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))

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

PIPEC_KERNEL inline std::uint64_t bits(__m256i low, __m256i high) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(low)) |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm256_movemask_epi8(high))) << 32;
}

PIPEC_KERNEL inline std::uint64_t equal_to(__m256i low, __m256i high, char c) {
  const __m256i all = _mm256_set1_epi8(c);
  return bits(_mm256_cmpeq_epi8(low, all), _mm256_cmpeq_epi8(high, all));
}

// By the low four bits of a byte: the operator with these bits, braces standing for brackets too (bit 5 is
// or-ed in). 0xff matches no byte: a byte with the top bit looks up 0.
PIPEC_KERNEL inline __m256i operators_of(__m256i bytes) {
  const __m256i table =
      _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, ':', '{', ',', '}', -1, -1,  //
                       -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, ':', '{', ',', '}', -1, -1);
  return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, bytes), _mm256_or_si256(bytes, _mm256_set1_epi8(0x20)));
}

PIPEC_KERNEL inline __m256i spaces_of(__m256i bytes) {
  const __m256i table =
      _mm256_setr_epi8(' ', -1, -1, -1, -1, -1, -1, -1, -1, '\t', '\n', -1, -1, '\r', -1, -1,  //
                       ' ', -1, -1, -1, -1, -1, -1, -1, -1, '\t', '\n', -1, -1, '\r', -1, -1);
  return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, bytes), bytes);
}

PIPEC_KERNEL inline Masks classify(const char* block) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32));
  Masks masks;
  masks.quotes = equal_to(low, high, '"');
  masks.backslashes = equal_to(low, high, '\\');
  masks.operators = bits(operators_of(low), operators_of(high));
  // Of the operators the brackets have bit 6: shifted to the top of its byte.
  masks.brackets = bits(_mm256_slli_epi16(low, 1), _mm256_slli_epi16(high, 1));
  return masks;
}

PIPEC_KERNEL inline Extra classify_more(const char* block) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32));
  const __m256i last_control = _mm256_set1_epi8(0x1f);
  Extra extra;
  extra.spaces = bits(spaces_of(low), spaces_of(high));
  const __m256i low_controls = _mm256_cmpeq_epi8(_mm256_max_epu8(low, last_control), last_control);
  const __m256i high_controls = _mm256_cmpeq_epi8(_mm256_max_epu8(high, last_control), last_control);
  // Rare in a record of one line: the places only where there is one.
  const __m256i any = _mm256_or_si256(low_controls, high_controls);
  extra.controls = _mm256_testz_si256(any, any) ? 0 : bits(low_controls, high_controls);
  extra.wide = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(low, high)));
  return extra;
}

struct Lines {
  std::uint64_t quotes;
  std::uint64_t backslashes;
  std::uint64_t operators;
  std::uint64_t colons;
  std::uint64_t commas;
  std::uint64_t spaces;
  std::uint64_t newlines;
};

PIPEC_KERNEL inline Lines classify_lines(const char* block) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32));
  Lines lines;
  lines.quotes = equal_to(low, high, '"');
  lines.backslashes = equal_to(low, high, '\\');
  lines.operators = bits(operators_of(low), operators_of(high));
  lines.colons = equal_to(low, high, ':');
  lines.commas = equal_to(low, high, ',');
  lines.spaces = bits(spaces_of(low), spaces_of(high));
  lines.newlines = equal_to(low, high, '\n');
  return lines;
}

struct Text {
  std::uint64_t quotes;
  std::uint64_t backslashes;
  std::uint64_t operators;
  std::uint64_t newlines;
};

PIPEC_KERNEL inline Text classify_text(const char* block) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32));
  Text text;
  text.quotes = equal_to(low, high, '"');
  text.backslashes = equal_to(low, high, '\\');
  text.operators = bits(operators_of(low), operators_of(high));
  text.newlines = equal_to(low, high, '\n');
  return text;
}

struct Pairs {
  std::uint64_t hits;
  std::uint64_t backslashes;
};

PIPEC_KERNEL inline __m256i load(const char* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

PIPEC_KERNEL inline Pairs classify_pairs(const char* first, char a, const char* second, char b,
                                         const char* block) {
  const __m256i all_a = _mm256_set1_epi8(a);
  const __m256i all_b = _mm256_set1_epi8(b);
  const __m256i backslash = _mm256_set1_epi8('\\');
  const __m256i low =
      _mm256_and_si256(_mm256_cmpeq_epi8(load(first), all_a), _mm256_cmpeq_epi8(load(second), all_b));
  const __m256i high = _mm256_and_si256(_mm256_cmpeq_epi8(load(first + 32), all_a),
                                        _mm256_cmpeq_epi8(load(second + 32), all_b));
  const __m256i low_escapes = _mm256_cmpeq_epi8(load(block), backslash);
  const __m256i high_escapes = _mm256_cmpeq_epi8(load(block + 32), backslash);
  const __m256i any = _mm256_or_si256(_mm256_or_si256(low, high), _mm256_or_si256(low_escapes, high_escapes));
  if (_mm256_testz_si256(any, any)) return {0, 0};
  return {bits(low, high), bits(low_escapes, high_escapes)};
}

#include "runtime/json/kernel_x86.inc"
// Uses the above.
#include "runtime/json/kernel_offsets.inc"
// Uses both.
#include "runtime/json/kernel_loops.inc"

constexpr Kernel kKernel{"avx2", members, validate, flat, valid_flat, operators, quotes, follow, find};

}  // namespace

const Kernel* avx2_kernel() {
  __builtin_cpu_init();
  const bool usable = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
                      __builtin_cpu_supports("pclmul");
  return usable ? &kKernel : nullptr;
}

}  // namespace pipec::runtime::json

#else

namespace pipec::runtime::json {
const Kernel* avx2_kernel() {
  return nullptr;
}
}  // namespace pipec::runtime::json

#endif
