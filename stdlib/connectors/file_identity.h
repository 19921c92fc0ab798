// What is remembered of an input file across runs, and whether the file that is there now is the same one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/connector.h"
#include "stdlib/connectors/compress/frame_start.h"

namespace pipec::stdlib {

// How many bytes before the watermark go into the fingerprint.
inline constexpr std::size_t kFingerprintBytes = 4096;

std::uint64_t fingerprint(std::string_view tail);
// The fingerprint of the file's bytes before `offset`; nullopt where it is shorter or cannot be read.
std::optional<std::uint64_t> fingerprint_of(int fd, std::uint64_t offset);

// One file's watermark. The entry's key is the identity (device and inode), so that a renamed file is still
// known.
struct FileMark {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;     // everything before it is safely out
  std::uint64_t tail_hash = 0;  // of the last kFingerprintBytes before offset
  // The record that ends at `offset` had no newline: where it begins. Else equal to offset.
  std::uint64_t open_line = 0;
  std::string path;  // its name then
  // A file that is unpacked: `offset` counts unpacked bytes, and tail_hash is of the last kFingerprintBytes
  // of the file itself before `end`.
  struct Packed {
    std::uint64_t end = 0;  // bytes of the file that were read when the watermark was reached
    FrameStart frame;       // where unpacking begins in order to go on
    bool whole = false;     // the watermark is the end of what the file held then
  };
  std::optional<Packed> packed;

  runtime::StateEntry entry() const;
  static std::optional<FileMark> parse(const runtime::StateEntry& entry);
};

}  // namespace pipec::stdlib
