#pragma once

#include <cstdint>

namespace pipec::stdlib {

// The start of a gzip member or zstd frame: a place where unpacking can begin.
struct FrameStart {
  std::uint64_t packed = 0;  // byte of the file
  std::uint64_t offset = 0;  // byte of the unpacked text
};

}  // namespace pipec::stdlib
