// A regular file that is read as it is: by the source's thread, or, stretch by stretch, by the workers
// (Block::reader), for whom the source's thread looks only for where each stretch ends.
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

  // How many bytes from `begin` on are whole lines, up to `most`; their last ones are left in `tail`. 0: they
  // are to be read at once. So is what is not in memory (the kernel reads ahead for one reader, not for
  // several), what ends with a long line, what may hold more than `max_records` (0: no limit), or seems
  // to hold many short ones, and the end of the file.
  std::size_t find_end(std::uint64_t begin, std::size_t most, std::size_t max_records,
                       std::string& tail) const;
  // Lines that find_end() has found.
  runtime::Status read(runtime::Block& block) const override;

 private:
  const runtime::Fd fd_;
  const std::string path_;
  mutable std::atomic<bool> dense_{false};  // a stretch held many short lines, whatever its tail was like
};

}  // namespace pipec::stdlib
