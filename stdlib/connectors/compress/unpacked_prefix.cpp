#include "stdlib/connectors/compress/unpacked_prefix.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/fd.h"
#include "stdlib/connectors/compress/unpacker.h"

namespace pipec::stdlib {

using runtime::Result;

Result<std::optional<UnpackedPrefix>> unpack_prefix(int fd, const std::string& path, Compression compression,
                                                    std::uint64_t size, const Fingerprint& known) {
  Unpacker::Options options;
  options.compression = compression;
  options.name = path;
  options.piece_bytes = std::size_t{64} << 10;
  std::uint64_t next = 0;
  Unpacker unpacker(options, [&, fd](char* to, std::size_t most) -> Result<std::size_t> {
    for (;;) {
      const ssize_t got = ::pread(fd, to, most, static_cast<off_t>(next));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return runtime::system_error("io", "cannot read", path, errno);
      next += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
  });
  const std::optional<UnpackedPrefix> another;
  RunningFingerprint text;
  runtime::BufferPool pool;
  const runtime::BufferRef buffer = pool.get(options.piece_bytes);
  runtime::Buffer& piece = *buffer;
  bool ended = false;
  bool head_known = !known.head;
  while (text.offset() < size) {
    if (ended) return another;
    // The head first: it distinguishes most different files.
    const std::uint64_t wanted = text.offset() == 0 ? kFingerprintBytes : options.piece_bytes;
    piece.clear();
    auto took = unpacker.take(piece, std::min(wanted, size - text.offset()), std::nullopt);
    if (!took && !head_known) return another;
    if (!took) return took.error();
    text.add(piece.view());
    ended = *took == Unpacker::Took::end;
    if (!head_known && text.offset() >= std::min<std::uint64_t>(size, kFingerprintBytes)) {
      RunningFingerprint head;
      head.add(piece.view());
      if (const auto found = head.get(); !found || found->head != known.head) return another;
      head_known = true;
    }
  }
  const auto found = text.get();
  if (!found || !same_text(*found, known)) return another;
  return std::optional(UnpackedPrefix{unpacker.packed_end(), ended});
}

}  // namespace pipec::stdlib
