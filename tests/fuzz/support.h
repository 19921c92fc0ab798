// Helpers of the fuzz targets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/buffer.h"

namespace pipec::runtime::fuzz {

// Always on, unlike assert().
inline void require(bool holds) {
  if (!holds) std::abort();
}

// Exactly the promised padding: the address sanitizer detects a read past it.
class Padded {
 public:
  explicit Padded(std::string_view text)
      : size_(text.size()), bytes_(new char[text.size() + Buffer::kPadding]) {
    if (!text.empty()) std::memcpy(bytes_.get(), text.data(), text.size());
    std::memset(bytes_.get() + size_, '"', Buffer::kPadding);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace pipec::runtime::fuzz
