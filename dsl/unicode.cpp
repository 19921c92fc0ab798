#include "dsl/unicode.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstdint>

namespace pipec::dsl {

Decoded decode_utf8(std::string_view text, std::size_t at) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t next = at;
  UChar32 code_point = 0;
  U8_NEXT(bytes, next, text.size(), code_point);
  if (code_point < 0) return {static_cast<unsigned char>(text[at]), 1, false};
  return {static_cast<char32_t>(code_point), static_cast<unsigned>(next - at), true};
}

void append_utf8(std::string& out, char32_t code_point) {
  char bytes[U8_MAX_LENGTH];
  std::size_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, code_point);
  out.append(bytes, size);
}

unsigned cell_width(char32_t code_point) {
  if (code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0)) return 0;
  if (code_point < 0x300) return 1;
  const auto c = static_cast<UChar32>(code_point);
  constexpr std::uint32_t kInvisible = U_GC_MN_MASK | U_GC_ME_MASK | U_GC_CF_MASK;
  if ((U_GET_GC_MASK(c) & kInvisible) != 0 || u_hasBinaryProperty(c, UCHAR_EMOJI_MODIFIER)) return 0;
  const std::int32_t width = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

}  // namespace pipec::dsl
