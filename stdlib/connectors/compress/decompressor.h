// Undoes gzip or zstd, piece by piece. A plain class: no thread, no file.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "pipec/runtime/error.h"
#include "stdlib/connectors/compress/compression.h"

namespace pipec::stdlib {

class Decompressor {
 public:
  virtual ~Decompressor() = default;
  struct Step {
    std::size_t used = 0;     // bytes of `packed`
    std::size_t made = 0;     // bytes in `to`
    bool frame_ends = false;  // a gzip member or zstd frame is whole, its checksum right
  };
  // Runs until `packed` is used up, `to` is full, or a frame ends; the next call begins the next frame. The
  // error describes the defect, not its position.
  virtual runtime::Result<Step> step(std::string_view packed, char* to, std::size_t room) = 0;
  // Memory that it holds.
  virtual std::size_t bytes() const = 0;
};

// `largest_window`: zstd frames that need more memory are rejected. 0: 128 MiB, the largest window that zstd
// uses by default, which is also the upper limit. 8 MiB, which every decoder should support (RFC 8878), is
// always allowed.
runtime::Result<std::unique_ptr<Decompressor>> make_decompressor(Compression compression,
                                                                 std::size_t largest_window);

}  // namespace pipec::stdlib
