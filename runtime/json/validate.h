#pragma once

#include <string_view>

#include "runtime/json/kernel.h"

namespace pipec::runtime::json {

// validate_json() by a certain kernel.
const char* validate_with(const Kernel& kernel, std::string_view text, std::size_t* offset);

}  // namespace pipec::runtime::json
