// The bytes of one input file from some place on, below the framing: read as they are, or unpacked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/fd.h"
#include "stdlib/connectors/file_identity.h"
#include "stdlib/connectors/input_files.h"

namespace pipec::stdlib {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  enum class Filled { more, end, interrupted };
  // Appends the next bytes until `data` holds `wanted` bytes. `end`: the input ends with the last of them.
  // `more` with fewer bytes: an error follows, which the next call returns.
  virtual runtime::Result<Filled> fill(runtime::Buffer& data, std::size_t wanted) = 0;
  // Returns the last bytes of fill(), which were not consumed: the next fill() delivers them again. At most
  // once between two calls of fill().
  virtual void put_back(std::string_view bytes) = 0;
  // Leaves the next whole lines, at most `most` bytes, for a worker to read, and continues after them.
  // Returns their number of bytes; 0: use fill() instead. `tail`: their last bytes, for identify().
  virtual std::size_t leave_lines(std::size_t most, std::size_t max_records, runtime::Block& block,
                                  std::string& tail) {
    (void)most, (void)max_records, (void)block, (void)tail;
    return 0;
  }
  // At the end: checks that the file is still the one that was read.
  virtual runtime::Status check_end() { return {}; }
  // Fills the data that a restart at mark.offset (mark.open_line) needs to recognize the file; both are
  // already set. `taken`: the bytes before the offset, as far as available. `ended`: the offset is the end of
  // the input. Without this data a restart would mistake the file for another one, so a failure is an error.
  virtual runtime::Status identify(FileMark& mark, std::string_view taken, bool ended) = 0;
  // Memory in use, apart from the bytes that fill() returned.
  virtual std::size_t held_bytes() const { return 0; }
  // Any thread. A blocked fill() returns soon, and every later one immediately.
  virtual void interrupt() {}
};

struct SourceLimits {
  std::size_t piece_bytes = 0;     // about what one receive takes
  std::size_t largest_window = 0;  // of zstd; 0: no limit of ours
};

// From file.start on. The path of `file` is copied.
std::unique_ptr<ByteSource> make_byte_source(runtime::Fd fd, const InputFile& file,
                                             const SourceLimits& limits);

}  // namespace pipec::stdlib
