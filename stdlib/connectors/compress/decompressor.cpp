#include "stdlib/connectors/compress/decompressor.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <new>

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::ErrorCode;
using runtime::Result;

Error bad_data(std::string message) {
  return Error::make(ErrorCode::io, std::move(message));
}

class Gunzip final : public Decompressor {
 public:
  Gunzip() {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (::inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Gunzip() override { ::inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  Result<Step> step(std::string_view packed, char* to, std::size_t room) override {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(std::min(packed.size(), kMost));
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(std::min(room, kMost));
    const uInt in = stream_.avail_in;
    const uInt out = stream_.avail_out;
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    Step step{in - stream_.avail_in, out - stream_.avail_out, result == Z_STREAM_END};
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result == Z_NEED_DICT) return bad_data("it needs a dictionary");
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return bad_data(stream_.msg ? stream_.msg : "damaged");
    }
    if (step.frame_ends) ::inflateReset(&stream_);
    return step;
  }

  // As documented by zlib: the window and its state.
  std::size_t bytes() const override { return std::size_t{48} << 10; }

 private:
  z_stream stream_{};
};

class Unzstd final : public Decompressor {
 public:
  explicit Unzstd(std::size_t largest_window)
      : context_(::ZSTD_createDCtx()), largest_window_(std::bit_floor(largest_window)) {
    if (!context_) throw std::bad_alloc();
    const int log = std::max(10, static_cast<int>(std::bit_width(largest_window_)) - 1);
    ::ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, log);
  }
  ~Unzstd() override { ::ZSTD_freeDCtx(context_); }
  Unzstd(const Unzstd&) = delete;
  Unzstd& operator=(const Unzstd&) = delete;

  Result<Step> step(std::string_view packed, char* to, std::size_t room) override {
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer out{to, room, 0};
    const std::size_t result = ::ZSTD_decompressStream(context_, &out, &in);
    if (::ZSTD_isError(result) != 0) {
      const ZSTD_ErrorCode code = ::ZSTD_getErrorCode(result);
      if (code == ZSTD_error_memory_allocation) throw std::bad_alloc();
      if (code == ZSTD_error_frameParameter_windowTooLarge) {
        return bad_data(fmt::format(
            "unpacking it takes a window of more than {} bytes, which the memory limit does not allow",
            largest_window_));
      }
      return bad_data(::ZSTD_getErrorString(code));
    }
    return Step{in.pos, out.pos, result == 0};
  }

  std::size_t bytes() const override { return ::ZSTD_sizeof_DCtx(context_); }

 private:
  ZSTD_DCtx* context_;
  const std::size_t largest_window_;
};

}  // namespace

Result<std::unique_ptr<Decompressor>> make_decompressor(Compression compression, std::size_t largest_window) {
  constexpr std::size_t kUsualMost = std::size_t{128} << 20;
  constexpr std::size_t kLeast = std::size_t{8} << 20;
  if (largest_window == 0) largest_window = kUsualMost;
  largest_window = std::clamp(largest_window, kLeast, kUsualMost);
  if (compression == Compression::gzip) return std::unique_ptr<Decompressor>(std::make_unique<Gunzip>());
  if (compression == Compression::zstd) {
    return std::unique_ptr<Decompressor>(std::make_unique<Unzstd>(largest_window));
  }
  return Error::make(ErrorCode::internal, "nothing to unpack");
}

}  // namespace pipec::stdlib
