// A value as JSON text without white space.
#pragma once

#include <optional>
#include <string_view>

#include "pipec/runtime/function.h"

namespace pipec::stdlib {

// Text that came from a record may not have been looked into yet: it is checked. nullopt: it is malformed,
// and the call has failed. The text lives in the arena.
std::optional<std::string_view> compact_json(runtime::CallContext& context, const runtime::Value& value);

}  // namespace pipec::stdlib
