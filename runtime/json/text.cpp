#include "runtime/json/text.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "pipec/runtime/json.h"
#include "pipec/runtime/utf8.h"

namespace pipec::runtime::json {

namespace {

// Four hex digits, or -1.
int hex4(const char* at) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    int digit;
    if (is_digit(c)) {
      digit = c - '0';
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = (c | 0x20) - 'a' + 10;
    } else {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

constexpr bool is_high_surrogate(int unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
constexpr bool is_low_surrogate(int unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

char simple_escape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '/':
      return '/';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

// `at` points to a backslash. Behind the escape (both halves of a surrogate pair), or nullptr.
const char* skip_escape(const char* at, const char* end) {
  if (end - at < 2) return nullptr;
  if (at[1] != 'u') return simple_escape(at[1]) ? at + 2 : nullptr;
  if (end - at < 6) return nullptr;
  const int unit = hex4(at + 2);
  if (unit < 0 || is_low_surrogate(unit)) return nullptr;
  if (!is_high_surrogate(unit)) return at + 6;
  if (end - at < 12 || at[6] != '\\' || at[7] != 'u') return nullptr;
  return is_low_surrogate(hex4(at + 8)) ? at + 12 : nullptr;
}

std::size_t encode_utf8(std::uint32_t code, char* out) {
  if (code < 0x80) {
    out[0] = static_cast<char>(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = static_cast<char>(0xc0 | (code >> 6));
    out[1] = static_cast<char>(0x80 | (code & 0x3f));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = static_cast<char>(0xe0 | (code >> 12));
    out[1] = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out[2] = static_cast<char>(0x80 | (code & 0x3f));
    return 3;
  }
  out[0] = static_cast<char>(0xf0 | (code >> 18));
  out[1] = static_cast<char>(0x80 | ((code >> 12) & 0x3f));
  out[2] = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
  out[3] = static_cast<char>(0x80 | (code & 0x3f));
  return 4;
}

}  // namespace

const char* find_string_end(const char* at, const char* end) {
  for (;;) {
#if defined(__SSE2__)
    while (end - at >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
      const __m128i hit =
          _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
      const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hit));
      if (mask) {
        at += std::countr_zero(mask);
        break;
      }
      at += 16;
    }
#endif
    while (at < end && *at != '"' && *at != '\\') ++at;
    if (at >= end) return nullptr;
    if (*at == '"') return at;
    if (end - at < 2) return nullptr;
    at += 2;
  }
}

const char* skip_value(const char* at, const char* end) {
  if (at >= end) return nullptr;
  if (*at == '"') {
    const char* quote = find_string_end(at + 1, end);
    return quote ? quote + 1 : nullptr;
  }
  if (*at != '{' && *at != '[') {
    const char* begin = at;
    while (at < end && !ends_scalar(*at)) ++at;
    return at == begin ? nullptr : at;
  }
  std::array<std::uint64_t, kMaxDepth / 64> curly;  // bit d: the bracket that opened depth d is a brace
  std::size_t depth = 0;
  for (; at < end; ++at) {
    switch (*at) {
      case '"':
        at = find_string_end(at + 1, end);
        if (!at) return nullptr;
        break;
      case '{':
      case '[': {
        if (depth == kMaxDepth) return nullptr;
        const std::uint64_t bit = std::uint64_t{1} << (depth & 63);
        if ((depth & 63) == 0) curly[depth >> 6] = 0;
        if (*at == '{') {
          curly[depth >> 6] |= bit;
        } else {
          curly[depth >> 6] &= ~bit;
        }
        ++depth;
        break;
      }
      case '}':
      case ']':
        --depth;
        if (((curly[depth >> 6] >> (depth & 63)) & 1) != (*at == '}' ? 1U : 0U)) return nullptr;
        if (depth == 0) return at + 1;
        break;
      default:
        break;
    }
  }
  return nullptr;
}

bool check_string(std::string_view inside, bool& escaped) {
  const char* at = inside.data();
  const char* const end = at + inside.size();
  escaped = false;
  bool wide = false;
  while (at < end) {
#if defined(__SSE2__)
    while (end - at >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
      // Unsigned "below 0x20": the maximum with 0x1f is 0x1f itself.
      const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
      const __m128i special =
          _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
      wide |= _mm_movemask_epi8(bytes) != 0;
      const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(control, special)));
      if (mask) {
        at += std::countr_zero(mask);
        break;
      }
      at += 16;
    }
    if (at == end) break;
#endif
    const auto c = static_cast<unsigned char>(*at);
    if (c == '\\') {
      escaped = true;
      at = skip_escape(at, end);
      if (!at) return false;
      continue;
    }
    if (c < 0x20 || c == '"') return false;
    wide |= c >= 0x80;
    ++at;
  }
  return !wide || is_utf8_by_blocks(inside);
}

std::size_t unescape(std::string_view inside, char* out) {
  const char* at = inside.data();
  const char* const end = at + inside.size();
  char* const begin = out;
  while (at < end) {
    const auto* backslash =
        static_cast<const char*>(std::memchr(at, '\\', static_cast<std::size_t>(end - at)));
    const std::size_t plain = static_cast<std::size_t>((backslash ? backslash : end) - at);
    std::memmove(out, at, plain);
    out += plain;
    at += plain;
    if (!backslash) break;
    const char* next = skip_escape(at, end);
    if (!next) {  // not checked before: kept unchanged
      *out++ = *at++;
    } else if (at[1] != 'u') {
      *out++ = simple_escape(at[1]);
      at = next;
    } else {
      auto code = static_cast<std::uint32_t>(hex4(at + 2));
      if (next - at == 12)
        code = 0x10000 + ((code - 0xd800) << 10) + (static_cast<std::uint32_t>(hex4(at + 8)) - 0xdc00);
      out += encode_utf8(code, out);
      at = next;
    }
  }
  return static_cast<std::size_t>(out - begin);
}

std::size_t compact(char* text, std::size_t size) {
  char* out = text;
  const char* at = text;
  const char* const end = text + size;
  while (at < end) {
    const char* run = at + 1;
    if (*at == '"') {
      const char* quote = find_string_end(at + 1, end);
      run = quote ? quote + 1 : end;
    } else if (is_space(*at)) {
      ++at;
      continue;
    }
    std::memmove(out, at, static_cast<std::size_t>(run - at));
    out += run - at;
    at = run;
  }
  return static_cast<std::size_t>(out - text);
}

const char* skip_number(const char* at, const char* end) {
  if (at < end && *at == '-') ++at;
  if (at == end || !is_digit(*at)) return nullptr;
  if (*at == '0') {
    ++at;
  } else {
    while (at < end && is_digit(*at)) ++at;
  }
  if (at < end && *at == '.') {
    ++at;
    if (at == end || !is_digit(*at)) return nullptr;
    while (at < end && is_digit(*at)) ++at;
  }
  if (at < end && (*at | 0x20) == 'e') {
    ++at;
    if (at < end && (*at == '+' || *at == '-')) ++at;
    if (at == end || !is_digit(*at)) return nullptr;
    while (at < end && is_digit(*at)) ++at;
  }
  return at;
}

bool nests_within(std::string_view text, std::size_t levels) {
  if (text.size() < 2 * (levels + 1)) return true;
  // Usually there are not even that many brackets; '[' and '{' differ in one bit.
  std::size_t opening = 0;
  for (const char c : text) opening += (c | 0x20) == '{' ? 1 : 0;
  if (opening <= levels) return true;
  std::size_t open = 0;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++at) {
    if (*at == '"') {
      at = find_string_end(at + 1, end);
      if (!at) return true;
    } else if (*at == '[' || *at == '{') {
      if (++open > levels) return false;
    } else if (*at == ']' || *at == '}') {
      --open;
    }
  }
  return true;
}

}  // namespace pipec::runtime::json
