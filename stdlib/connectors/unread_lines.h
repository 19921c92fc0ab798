// Stretches of lines of a regular file that the workers read (Block::reader). The source's thread looks only
// for where each of them ends: at its last few KiB.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/fd.h"

namespace pipec::stdlib {

// One for each file, shared by all its blocks; keeps the file open.
class UnreadLines final : public runtime::Reader {
 public:
  // What is read of a stretch to find its end; enough for the fingerprint before it.
  static constexpr std::size_t kTail = std::size_t{8} << 10;
  // A shorter stretch is as well read at once.
  static constexpr std::size_t kShortest = std::size_t{32} << 10;

  UnreadLines(runtime::Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  // How many bytes from `begin` on are whole lines, up to `most`; their last ones are left in `tail`. 0: they
  // are to be read at once. So is what is not in memory (the kernel reads ahead for one reader, not for
  // several), what ends with a long line, what may hold more than `max_records` (0: no limit), or seems
  // to hold many short ones, and the end of the file.
  std::size_t find_end(std::uint64_t begin, std::size_t most, std::size_t max_records,
                       std::string& tail) const;

  runtime::Status read(runtime::Block& block) const override;

 private:
  const runtime::Fd fd_;
  const std::string path_;
  mutable std::atomic<bool> dense_{false};  // a stretch held many short lines, whatever its tail was like
};

}  // namespace pipec::stdlib
