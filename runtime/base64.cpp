#include "runtime/base64.h"

namespace pipec::runtime {

void append_base64(std::string_view bytes, Buffer& out) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  char* to = out.extend((bytes.size() + 2) / 3 * 4);
  const char* const begin = to;
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const unsigned group = (unsigned{byte(i)} << 16) | (unsigned{byte(i + 1)} << 8) | byte(i + 2);
    *to++ = kDigits[group >> 18];
    *to++ = kDigits[(group >> 12) & 63];
    *to++ = kDigits[(group >> 6) & 63];
    *to++ = kDigits[group & 63];
  }
  if (const std::size_t rest = bytes.size() - i; rest != 0) {
    const unsigned group = (unsigned{byte(i)} << 16) | (rest == 2 ? unsigned{byte(i + 1)} << 8 : 0);
    *to++ = kDigits[group >> 18];
    *to++ = kDigits[(group >> 12) & 63];
    *to++ = rest == 2 ? kDigits[(group >> 6) & 63] : '=';
    *to++ = '=';
  }
  out.set_size(out.size() + static_cast<std::size_t>(to - begin));
}

}  // namespace pipec::runtime
