// gzip and zstd: which one a text is packed with.
#pragma once

#include <cstdint>
#include <string_view>

namespace pipec::stdlib {

enum class Compression : std::uint8_t { none, gzip, zstd };

// "none", "gzip", "zstd".
const char* compression_name(Compression compression);
// `name` is one of those.
Compression compression_named(std::string_view name);

// By the first bytes of a text (four are enough). No JSON text begins like that.
Compression compression_of(std::string_view head);
// May a packed text begin with this byte?
bool compression_could_begin_with(char first);
// By the end of a path: ".gz", ".zst".
Compression compression_of_name(std::string_view path);

}  // namespace pipec::stdlib
