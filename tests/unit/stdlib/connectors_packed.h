// Texts packed and unpacked by the libraries' simplest calls, to compare with.
#pragma once

#include <zlib.h>
#include <zstd.h>

#include <string>
#include <string_view>

#include "stdlib/connectors/compress/compression.h"
#include "support/catch.h"

namespace pipec::test {

inline std::string packed(stdlib::Compression compression, std::string_view text, int window_log = 0) {
  if (compression == stdlib::Compression::zstd) {
    ZSTD_CCtx* const context = ::ZSTD_createCCtx();
    ::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    if (window_log != 0) ::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    std::string result(::ZSTD_compressBound(text.size()) + 64, '\0');
    // As a stream: the frame does not say how much is in it.
    ZSTD_inBuffer in{text.data(), text.size(), 0};
    ZSTD_outBuffer out{result.data(), result.size(), 0};
    ::ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue);
    REQUIRE(::ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) == 0);
    result.resize(out.pos);
    ::ZSTD_freeCCtx(context);
    return result;
  }
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string result(::deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  result.resize(result.size() - stream.avail_out);
  ::deflateEnd(&stream);
  return result;
}

// All members or frames; an empty result where one is not whole.
inline std::string unpacked(stdlib::Compression compression, std::string_view text) {
  std::string result;
  std::string piece(std::size_t{1} << 20, '\0');
  if (compression == stdlib::Compression::zstd) {
    ZSTD_DCtx* const context = ::ZSTD_createDCtx();
    ZSTD_inBuffer in{text.data(), text.size(), 0};
    std::size_t left = 0;
    while (in.pos < in.size) {
      ZSTD_outBuffer out{piece.data(), piece.size(), 0};
      left = ::ZSTD_decompressStream(context, &out, &in);
      REQUIRE(::ZSTD_isError(left) == 0);
      result.append(piece.data(), out.pos);
    }
    ::ZSTD_freeDCtx(context);
    return left == 0 ? result : std::string();
  }
  while (!text.empty()) {
    z_stream stream{};
    REQUIRE(::inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    int state = Z_OK;
    while (state == Z_OK) {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = static_cast<uInt>(piece.size());
      state = ::inflate(&stream, Z_NO_FLUSH);
      result.append(piece.data(), piece.size() - stream.avail_out);
    }
    text.remove_prefix(text.size() - stream.avail_in);
    ::inflateEnd(&stream);
    if (state != Z_STREAM_END) return {};
  }
  return result;
}

}  // namespace pipec::test
