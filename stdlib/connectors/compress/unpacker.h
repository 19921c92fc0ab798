// Unpacks a gzip or zstd stream on its own thread, a few pieces ahead of its reader. Consecutive members or
// frames form one text. An incomplete frame, or anything after the last one, is an error that names the
// offset in the packed bytes.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/error.h"
#include "stdlib/connectors/compress/compression.h"
#include "stdlib/connectors/compress/frame_start.h"

namespace pipec::stdlib {

class Unpacker {
 public:
  // Gives at most `size` bytes, 0 at the end of the input (or once stop() was called). Called on the
  // unpacking thread, may block.
  using Read = std::function<runtime::Result<std::size_t>(char* to, std::size_t size)>;
  struct Options {
    Compression compression = Compression::gzip;
    std::string name;                // for messages
    FrameStart start;                // where `read` begins
    std::uint64_t skip_to = 0;       // unpacked offset: earlier text is discarded
    std::size_t piece_bytes = 0;     // how much is unpacked at a time; four such pieces are held at most
    std::size_t largest_window = 0;  // see make_decompressor()
    bool at_once = false;            // pass on available text whenever `read` returned less than requested
  };

  Unpacker(Options options, Read read);
  // Waits for the thread; nothing interrupts a blocked `read`.
  ~Unpacker();
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  enum class Took { bytes, nothing, end };
  // Appends to `data` until it holds `wanted` bytes. `bytes`: it does, or it received some bytes and the rest
  // is not available yet (at_once) or is an error, which the next call returns. `nothing`: the wait timed out
  // (null: no timeout), or stop() was called. `end`: the text ends with the last byte of `data`.
  runtime::Result<Took> take(runtime::Buffer& data, std::size_t wanted,
                             std::optional<std::chrono::milliseconds> wait);
  // The reader's thread. Bytes of the file that had been read when the last byte that was taken was made.
  std::uint64_t packed_end() const { return packed_end_; }
  // The reader's thread. The last place known at which unpacking can begin to reach byte `offset`.
  FrameStart frame_before(std::uint64_t offset);

  // Any thread.
  void stop();
  bool stopped() const { return stopping_.load(); }
  std::size_t held_bytes() const;

 private:
  struct Piece {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
    std::uint64_t packed_end = 0;
    std::optional<FrameStart> frame;  // the first one that begins in it
    bool last = false;
  };

  class Work;
  void run() noexcept;
  runtime::Status unpack();
  void push(Piece piece);
  std::unique_ptr<char[]> new_bytes();
  runtime::Error damaged(const std::string& what, std::uint64_t at) const;

  const Options options_;
  const Read read_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> decompressor_bytes_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  std::vector<std::unique_ptr<char[]>> free_;
  bool ended_ = false;  // nothing follows pieces_
  std::optional<runtime::Error> error_;

  // The reader's.
  Piece current_;
  std::size_t taken_ = 0;  // of current_
  std::uint64_t packed_end_;
  std::deque<FrameStart> frames_;

  std::thread thread_;  // last: it uses all the others
};

}  // namespace pipec::stdlib
