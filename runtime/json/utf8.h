// UTF-8 validation. The library behind it is simdjson, which stays in one source.
#pragma once

#include <cstddef>
#include <string_view>

namespace pipec::runtime::json {

bool valid_utf8(std::string_view text);
// The offset of the first byte that belongs to no valid sequence; text.size() where all is valid.
std::size_t first_invalid_utf8(std::string_view text);

}  // namespace pipec::runtime::json
