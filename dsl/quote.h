// Strings as the language writes them.
#pragma once

#include <string>
#include <string_view>

namespace pipec::dsl {

// The contents of a "..." that stands for this text: escaped, without the quotes.
std::string escaped(std::string_view text);
// With the quotes.
std::string quoted(std::string_view text);
bool is_identifier(std::string_view text);
// A key after its dot: `.a`, `."odd key"`.
std::string key_segment(std::string_view key);

}  // namespace pipec::dsl
