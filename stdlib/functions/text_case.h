// Unicode case, full mappings ("ß" in upper case is "SS"), the same for every locale.
#pragma once

#include <string_view>

#include "pipec/runtime/arena.h"

namespace pipec::stdlib {

// The results live in the arena. nullptr data: the text is too long for a case mapping.
std::string_view to_upper(std::string_view text, runtime::Arena& arena);
std::string_view to_lower(std::string_view text, runtime::Arena& arena);
// The first character in title case, the others in lower case.
std::string_view to_capitalized(std::string_view text, runtime::Arena& arena);

}  // namespace pipec::stdlib
