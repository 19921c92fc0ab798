#include "stdlib/connectors/compress/compressor.h"

#include <zlib.h>
#include <zstd.h>

#include <new>

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::ErrorCode;
using runtime::Status;

class Gzip final : public Compressor {
 public:
  explicit Gzip(int level) {
    constexpr int kGzipHeader = 16 + MAX_WBITS;
    constexpr int kMemory = 8;  // zlib's default
    if (::deflateInit2(&stream_, level, Z_DEFLATED, kGzipHeader, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Gzip() override { ::deflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  Status pack(std::string_view text, std::string& frame) override {
    ::deflateReset(&stream_);
    frame.resize(::deflateBound(&stream_, text.size()));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(frame.data());
    stream_.avail_out = static_cast<uInt>(frame.size());
    if (::deflate(&stream_, Z_FINISH) != Z_STREAM_END) {
      return Error::make(ErrorCode::sink, "zlib cannot pack");
    }
    frame.resize(frame.size() - stream_.avail_out);
    return {};
  }

 private:
  z_stream stream_{};
};

class Zstd final : public Compressor {
 public:
  explicit Zstd(int level) : context_(::ZSTD_createCCtx()) {
    if (!context_) throw std::bad_alloc();
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
    ::ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  }
  ~Zstd() override { ::ZSTD_freeCCtx(context_); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  Status pack(std::string_view text, std::string& frame) override {
    frame.resize(::ZSTD_compressBound(text.size()));
    const std::size_t size = ::ZSTD_compress2(context_, frame.data(), frame.size(), text.data(), text.size());
    if (::ZSTD_isError(size) != 0) {
      return Error::make(ErrorCode::sink, std::string("zstd cannot pack: ") + ::ZSTD_getErrorName(size));
    }
    frame.resize(size);
    return {};
  }

 private:
  ZSTD_CCtx* context_;
};

}  // namespace

std::unique_ptr<Compressor> make_compressor(const Packing& packing) {
  if (packing.compression == Compression::zstd) return std::make_unique<Zstd>(packing.level);
  return std::make_unique<Gzip>(packing.level);
}

}  // namespace pipec::stdlib
