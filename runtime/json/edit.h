// Edits below a value: what a path of more than one step, or one through an array, does.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime::json {

// One step below a value, with run-time indexes resolved. A key leads into an object only; an index into an
// array, and into an object to the member that its digits name.
struct Step {
  bool is_key = true;
  std::string_view key;    // of an index: its digits
  std::int64_t index = 0;  // negative counts from the end
};

inline Found find_step(const Value& container, const Step& step, Arena& arena) {
  if (container.type() == Type::object) return find_member(container, step.key, arena);
  return step.is_key ? Found() : find_item(container, step.index);
}

enum class Edit : std::uint8_t {
  done,
  parent_is_no_object,  // `.a.b = 1` where .a is there and no object (null too), or the record itself is none
  parent_is_no_array,   // `.a[0] = 1` where .a is no array
  out_of_bounds,
  malformed,       // bytes that had to be looked at are no JSON
  no_such_number,  // MsgPack has no form for a number beyond 64 bits
};

// A path to stay, from one of the record's slots.
struct Kept {
  std::uint32_t slot = 0;
  std::span<const Step> below;
};

// What happens to the member or item at the end of a path.
struct Operation {
  enum class Kind : std::uint8_t { set, remove, rename };
  Kind kind = Kind::set;
  Value value;               // set
  std::string_view new_key;  // rename: decoded
};

struct Edited {
  Edit edit = Edit::done;
  bool changed = false;  // false: `value` is what it was
  Value value;
};

// JSON text stays JSON text with all its untouched bytes; of built containers the way to the change is
// copied. The result lives in the arena and refers to what `container` and the operation refer to. `scratch`
// is overwritten.
Edited edit_below(const Value& container, std::span<const Step> steps, const Operation& operation,
                  Arena& arena, Buffer& scratch);

// The container with nothing but the members at the paths, none of which is empty. `found`: whether one is
// there.
Edited keep_below(const Value& container, std::span<const std::span<const Step>> paths, Arena& arena,
                  Buffer& scratch, bool& found);

// Objects around the value, one per step, for parents that are missing.
Edited wrap(std::span<const Step> steps, const Value& value, Arena& arena);

// A quoted and escaped key in the arena.
std::string_view quoted_key(std::string_view key, Arena& arena, Buffer& scratch);

}  // namespace pipec::runtime::json
