// Numbers of the data: read, and compared by exact value.
#pragma once

#include <optional>
#include <string_view>

#include "pipec/runtime/value.h"

namespace pipec::runtime::json {

// The whole text is one JSON number; nullopt where it is not. The Value keeps the text.
std::optional<Value> read_number(std::string_view text);

// <0, 0, >0 by exact value. Both are numbers; computed floats are finite.
int compare_numbers(const Value& a, const Value& b);

}  // namespace pipec::runtime::json
