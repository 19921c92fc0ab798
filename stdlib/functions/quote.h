// Data inside messages: quoted, one line, and short, however long and odd the data is.
#pragma once

#include <string>
#include <string_view>

namespace pipec::stdlib {

inline std::string quote(std::string_view text) {
  constexpr std::size_t kShown = 60;  // bytes
  std::string result = "'";
  const bool cut = text.size() > kShown;
  if (cut) {
    std::size_t end = kShown;
    while (end > kShown - 4 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text = text.substr(0, end);
  }
  for (const char c : text) result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  result += cut ? "...'" : "'";
  return result;
}

}  // namespace pipec::stdlib
