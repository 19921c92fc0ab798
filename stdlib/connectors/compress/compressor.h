// Makes one gzip member or zstd frame of a text. A plain class: no thread, no file.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "pipec/runtime/error.h"
#include "stdlib/connectors/compress/compression.h"

namespace pipec::stdlib {

// How a sink compresses its output. Levels are those of the library: 1 is fast, the highest produces the
// smallest output.
struct Packing {
  Compression compression = Compression::none;
  int level = 0;
};

inline constexpr int kGzipLevel = 6;
inline constexpr int kMostGzipLevel = 9;
inline constexpr int kZstdLevel = 3;
inline constexpr int kMostZstdLevel = 19;

class Compressor {
 public:
  virtual ~Compressor() = default;
  // Replaces `frame`. With checksum and, for zstd, the length.
  virtual runtime::Status pack(std::string_view text, std::string& frame) = 0;
};

std::unique_ptr<Compressor> make_compressor(const Packing& packing);

}  // namespace pipec::stdlib
