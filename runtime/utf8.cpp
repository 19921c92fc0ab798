#include "pipec/runtime/utf8.h"

#include <simdjson.h>

namespace pipec::runtime {

namespace {

// The length of the sequence that begins here, 0 where it is not valid. Unicode 15, table 3-7.
std::size_t sequence_length(const unsigned char* at, std::size_t left) {
  if (left == 0) return 0;
  const unsigned char first = at[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < length) return 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (at[1] < low || at[1] > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

bool is_utf8_by_blocks(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::size_t valid_utf8_prefix(std::string_view text) {
  if (is_utf8(text)) return text.size();
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t at = 0;
  while (const std::size_t length = sequence_length(bytes + at, text.size() - at)) at += length;
  return at;
}

std::string printable_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    result.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) break;
    result.append("\xef\xbf\xbd");
    text.remove_prefix(1);
  }
  return result;
}

}  // namespace pipec::runtime
