#include <cstdint>
#include <cstring>
#include <string_view>

#include "pipec/runtime/json.h"

namespace pipec::runtime {

namespace {

// Nothing in it needs an escape: eight bytes at a time.
bool plain_text(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kTops = kOnes << 7;
  const auto special = [](std::uint64_t word) {
    const auto zero = [](std::uint64_t w) { return (w - kOnes) & ~w & kTops; };
    return zero(word ^ (kOnes * '"')) | zero(word ^ (kOnes * '\\')) | ((word - kOnes * 0x20) & ~word & kTops);
  };
  std::size_t i = 0;
  std::uint64_t found = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    found |= special(word);
  }
  for (; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == '"' || c == '\\') return false;
  }
  return found == 0;
}

}  // namespace

void append_json_string(std::string_view text, Buffer& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  if (plain_text(text)) [[likely]] {
    char* const to = out.extend(text.size() + 2);
    to[0] = '"';
    if (!text.empty()) std::memcpy(to + 1, text.data(), text.size());
    to[text.size() + 1] = '"';
    out.set_size(out.size() + text.size() + 2);
    return;
  }
  out.append('"');
  std::size_t plain = 0;  // begin of the run that needs no escape
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]] {
      continue;
    }
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    switch (c) {
      case '"':
        out.append("\\\"");
        break;
      case '\\':
        out.append("\\\\");
        break;
      case '\b':
        out.append("\\b");
        break;
      case '\f':
        out.append("\\f");
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      default: {
        const char escape[] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
        out.append(std::string_view(escape, sizeof escape));
      }
    }
  }
  out.append(text.substr(plain));
  out.append('"');
}

}  // namespace pipec::runtime
