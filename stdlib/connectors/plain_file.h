// A regular file that is read uncompressed: by the source's thread, or range by range by the workers
// (Block::reader), for which the source's thread only finds the end of each range.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/fd.h"

namespace pipec::stdlib {

// Shared by all its blocks, which keep it open.
class PlainFile final : public runtime::Reader {
 public:
  PlainFile(runtime::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

  // Appends bytes from `offset` on until `data` holds `wanted` bytes; false: the file ends first.
  runtime::Result<bool> fill(runtime::Buffer& data, std::size_t wanted, std::uint64_t offset) const;

  // The number of bytes from `begin` on that are whole lines, up to `most`; their last bytes are stored in
  // `tail`. 0: the caller must read the range directly. That is the case if the range is not in memory (the
  // kernel reads ahead for one reader, not for several), ends with a long line, may contain more than
  // `max_records` (0: no limit), seems to contain many short records, or is the end of the file.
  std::size_t find_end(std::uint64_t begin, std::size_t most, std::size_t max_records,
                       std::string& tail) const;
  // Lines that find_end() has found.
  runtime::Status read(runtime::Block& block) const override;

 private:
  const runtime::Fd fd_;
  const std::string path_;
  mutable std::atomic<bool> dense_{false};  // a range held many short lines, unlike its tail
};

}  // namespace pipec::stdlib
