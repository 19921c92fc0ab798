#pragma once

#include <cstdint>
#include <cstring>

namespace pipec::runtime {

// Eight bytes, which all must be readable.
inline std::uint64_t load8(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

}  // namespace pipec::runtime
