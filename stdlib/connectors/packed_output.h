// The compression layer of a file sink with `compress`. Text is collected per file, packed on other threads
// and passed on in whole frames. A snapshot ends the current frame, so a file's committed length never lies
// inside a frame.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "stdlib/connectors/compress/packer.h"
#include "stdlib/connectors/output_files.h"

namespace pipec::stdlib {

// All but held_bytes() is the sink's: write(), snapshot() and close(), one at a time.
class PackedOutput {
 public:
  explicit PackedOutput(const Packing& packing);
  // Called before the first record: the total memory for texts and frames. Less memory results in smaller
  // frames.
  void keep_limit(std::size_t bytes);

  // `line`: `text` is whole lines without the last newline, which is added. Otherwise the bytes are written
  // unchanged.
  runtime::Status append(OutputFiles::Writer& writer, OutputFile& file, std::string_view text, bool line);
  // So that a file without a record is a valid packed file too.
  void begin(OutputFile& file);
  // All that was gathered is in frames, and those are with the files: `writing`, in them where they are large
  // enough, else in their buffers.
  runtime::Status flush(OutputFiles::Writer& writer, bool writing);

  // Any thread.
  std::size_t held_bytes() const { return gathered_bytes_.load() + packer_.held_bytes(); }

 private:
  runtime::Status submit(OutputFiles::Writer& writer, OutputFile& file, bool writing);
  runtime::Status submit_all(OutputFiles::Writer& writer, bool writing);
  runtime::Status hand_on(OutputFiles::Writer& writer, Packer::Frame&& frame, bool writing);

  Packer packer_;
  std::size_t frame_bytes_;
  std::size_t most_gathered_;  // over all files
  std::vector<OutputFile*> gathered_;
  std::atomic<std::size_t> gathered_bytes_{0};
};

}  // namespace pipec::stdlib
