// Checks whether a packed file begins with a known text, by unpacking it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pipec/runtime/error.h"
#include "stdlib/connectors/compress/compression.h"
#include "stdlib/connectors/file_identity.h"

namespace pipec::stdlib {

struct UnpackedPrefix {
  std::uint64_t packed_end = 0;  // bytes of the file that were read to reach its end
  bool whole = false;            // the file unpacks to nothing more
};

// nullopt: the file unpacks to less than `size` bytes, or they have another fingerprint. An error: the head
// is the known one, and then the packed data is cut off or damaged.
runtime::Result<std::optional<UnpackedPrefix>> unpack_prefix(int fd, const std::string& path,
                                                             Compression compression, std::uint64_t size,
                                                             const Fingerprint& known);

}  // namespace pipec::stdlib
