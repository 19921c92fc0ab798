// The items and members of an argument, whichever form it has.
#pragma once

#include <optional>
#include <span>

#include "pipec/runtime/function.h"
#include "pipec/runtime/json.h"

namespace pipec::stdlib {

// nullopt: the text of the array is malformed, and the call has failed.
inline std::optional<std::span<const runtime::Value>> items_of(runtime::CallContext& context,
                                                               const runtime::Value& array) {
  const runtime::Value built = runtime::expand(array, context.arena());
  if (built.is_failed()) {
    context.fail("the array is malformed JSON");
    return std::nullopt;
  }
  return std::span(built.items(), built.size());
}

// Repeated keys are resolved. nullopt: as above.
inline std::optional<std::span<const runtime::Member>> members_of(runtime::CallContext& context,
                                                                  const runtime::Value& object) {
  const runtime::Value built = runtime::expand(object, context.arena());
  if (built.is_failed()) {
    context.fail("the object is malformed JSON");
    return std::nullopt;
  }
  return std::span(built.members(), built.size());
}

}  // namespace pipec::stdlib
