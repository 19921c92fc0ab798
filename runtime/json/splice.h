// Writing a JSON object or array again with some members changed: everything else is copied in runs, byte for
// byte.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/value.h"
#include "runtime/json/field_index.h"

namespace pipec::runtime::json {

// The change of one member (or item: then key_begin is value_begin and there is no key).
struct Change {
  FieldSlot place;       // in the text; not found(): new, goes to the end
  std::string_view key;  // the new key with its quotes; empty: unchanged
  Value value;           // where `set`
  bool set = false;
  bool removed = false;
};

// Appends text[0, text.size()) with the changes applied. text[begin] is the opening bracket of the container
// and text[end] its partner; the members must be well separated. Changes with a place come first, in the
// text's order. A removed member is removed together with the comma between it and the preceding remaining
// member, or, if there is none, with the comma after it.
void splice(std::string_view text, std::uint32_t begin, std::uint32_t end,
            std::span<const Change* const> changes, Buffer& out);

// The value as JSON. Raw newlines between its tokens, which a line of NDJSON cannot hold, are taken out,
// unless it is a part of `record`.
void append_value(const Value& value, std::string_view record, Buffer& out);

}  // namespace pipec::runtime::json
