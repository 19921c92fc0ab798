// Edits of MsgPack containers: changed members are rewritten, everything else is copied in runs, byte for
// byte. New values are passed in encoded form.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/buffer.h"
#include "runtime/record/edit.h"
#include "runtime/record/field_slot.h"

namespace pipec::runtime::msgpack {

using record::Edit;
using record::FieldSlot;
using record::Step;

// The change of one member (or item: then key_begin is value_begin and there is no key).
struct Change {
  FieldSlot place;         // in the container's bytes; not found(): new, goes to the end
  std::string_view key;    // the new key as MsgPack; empty: unchanged
  std::string_view value;  // the new value as MsgPack; empty: unchanged
  bool removed = false;
};

// Appends the container of `count` members or items, the first of which begins at `body`, with the changes
// applied. Changes with a place come first, in the order of the bytes.
void splice(std::string_view container, std::uint32_t body, std::uint32_t count,
            std::span<const Change* const> changes, Buffer& out);
// As MsgPack; an empty one is none.
using Operation = record::OperationOf<std::string_view>;
using Edited = record::EditedOf<std::string_view>;

// The edit at the end of a non-empty path; a set creates missing objects. `scratch` is overwritten.
Edited edit_below(std::string_view container, std::span<const Step> steps, const Operation& operation,
                  Arena& arena, Buffer& scratch);

// The container reduced to the members at the paths; no path is empty. `found`: whether any exists.
Edited keep_below(std::string_view container, std::span<const std::span<const Step>> paths, Arena& arena,
                  Buffer& scratch, bool& found);

// Maps of one member each around the value; an index among the steps: parent_is_no_array.
Edited wrap(std::span<const Step> steps, std::string_view value, Arena& arena, Buffer& scratch);

// The value as MsgPack in the arena; empty: it has no such form. `scratch` is overwritten.
std::string_view encoded(const Value& value, Arena& arena, Buffer& scratch);

// A str in the arena.
std::string_view str_bytes(std::string_view text, Arena& arena);

}  // namespace pipec::runtime::msgpack
