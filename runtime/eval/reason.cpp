#include "runtime/eval/reason.h"

#include <algorithm>

namespace pipec::runtime::eval {

std::string_view Reason::assign(std::initializer_list<std::string_view> parts) {
  // A part may be in this buffer (the reason of a failure inside a failure), so build the text in another
  // one.
  char joined[kMost];
  std::size_t size = 0;
  bool cut = false;
  for (const std::string_view part : parts) {
    const std::size_t fits = std::min(part.size(), kMost - size);
    if (fits != 0) std::memcpy(joined + size, part.data(), fits);
    size += fits;
    if (fits != part.size()) {
      cut = true;
      break;
    }
  }
  if (cut) {
    // Back to the first byte of the character that was cut: the text stays UTF-8.
    while (size != 0 && (static_cast<unsigned char>(joined[size - 1]) & 0xc0U) == 0x80U) --size;
    if (size != 0 && static_cast<unsigned char>(joined[size - 1]) >= 0xc0U) --size;
  }
  std::memcpy(text_, joined, size);
  if (cut) {
    std::memcpy(text_ + size, "...", 3);
    size += 3;
  }
  size_ = size;
  return text();
}

}  // namespace pipec::runtime::eval
