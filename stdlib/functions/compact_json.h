// A value as JSON text without white space.
#pragma once

#include <optional>
#include <string_view>

#include "pipec/runtime/function.h"

namespace pipec::stdlib {

// Text from a record may not have been validated yet, so it is checked. nullopt: it is malformed, and the
// call has failed. The text is in the arena.
std::optional<std::string_view> compact_json(runtime::CallContext& context, const runtime::Value& value);

}  // namespace pipec::stdlib
