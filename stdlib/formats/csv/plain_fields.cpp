// The fast path of rows: most have neither quotes nor escapes.
#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "stdlib/formats/csv/dialect.h"

namespace pipec::stdlib::csv {

#if defined(__SSE2__)

bool find_plain_fields(std::string_view row, Dialect dialect, std::vector<std::uint32_t>& ends) {
  const __m128i delimiter = _mm_set1_epi8(dialect.delimiter);
  const __m128i quote = _mm_set1_epi8(dialect.quote);
  const __m128i json_quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1f);
  ends.clear();
  for (std::size_t at = 0; at < row.size(); at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row.data() + at));
    const __m128i is_delimiter = _mm_cmpeq_epi8(bytes, delimiter);
    const __m128i is_control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
    const __m128i is_other =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, json_quote)),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, backslash), is_control));
    auto delimiters = static_cast<std::uint32_t>(_mm_movemask_epi8(is_delimiter));
    auto others = static_cast<std::uint32_t>(_mm_movemask_epi8(is_other));
    if (row.size() - at < 16) {
      const std::uint32_t inside = (1U << (row.size() - at)) - 1;
      delimiters &= inside;
      others &= inside;
    }
    if ((others & ~delimiters) != 0) return false;  // a tab may be the delimiter
    for (; delimiters != 0; delimiters &= delimiters - 1)
      ends.push_back(static_cast<std::uint32_t>(at) +
                     static_cast<std::uint32_t>(std::countr_zero(delimiters)));
  }
  ends.push_back(static_cast<std::uint32_t>(row.size()));
  return true;
}

#else

bool find_plain_fields(std::string_view row, Dialect dialect, std::vector<std::uint32_t>& ends) {
  ends.clear();
  for (std::size_t at = 0; at < row.size(); ++at) {
    const char c = row[at];
    if (c == dialect.delimiter) {
      ends.push_back(static_cast<std::uint32_t>(at));
    } else if (c == dialect.quote || c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) {
      return false;
    }
  }
  ends.push_back(static_cast<std::uint32_t>(row.size()));
  return true;
}

#endif

}  // namespace pipec::stdlib::csv
