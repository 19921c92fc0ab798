// Paths below a value, and the possible results of an edit there; the same for every format.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/containers.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime::record {

// One step below a value, with run-time indexes resolved. A key leads into an object only; an index into an
// array, and into an object to the member that its digits name.
struct Step {
  bool is_key = true;
  std::string_view key;    // of an index: its digits
  std::int64_t index = 0;  // negative counts from the end
};

inline Found find_step(const Value& container, const Step& step, Arena& arena) {
  if (container.type() == Type::object) return runtime::find_member(container, step.key, arena);
  return step.is_key ? Found() : runtime::find_item(container, step.index);
}

enum class Edit : std::uint8_t {
  done,
  parent_is_no_object,  // `.a.b = 1` where .a exists and is not an object (null too), or the record itself is
                        // not one
  parent_is_no_array,   // `.a[0] = 1` where .a is not an array
  out_of_bounds,
  malformed,       // bytes that had to be read are not a value
  no_such_number,  // MsgPack cannot represent a number beyond 64 bits
};

// A path to stay, from one of the record's slots.
struct Kept {
  std::uint32_t slot = 0;
  std::span<const Step> below;
};

// The operation on the member or item at the end of a path.
enum class EditKind : std::uint8_t { set, remove, rename };

// `Part`: how a format holds a value.
template <typename Part>
struct OperationOf {
  using Kind = EditKind;
  Kind kind = Kind::set;
  Part value;                // set
  std::string_view new_key;  // rename: as text
};

template <typename Part>
struct EditedOf {
  Edit edit = Edit::done;
  bool changed = false;  // false: `value` is unchanged
  Part value;
};

// The content of a value, for a path that leads into it.
enum class Holds : std::uint8_t { members, items, nothing, malformed };

inline bool same_step(const Step& a, const Step& b) {
  return a.is_key == b.is_key && (a.is_key ? a.key == b.key : a.index == b.index);
}

// How a field gets another place. `nothing`: it has it already; `top`: a field of the record becomes another
// one; `key`: within one object, so that the member keeps its place and changes its key alone; `move`: away
// from here and set there.
enum class Renaming : std::uint8_t { nothing, top, key, move };

inline Renaming renaming(std::uint32_t from, std::span<const Step> from_below, std::uint32_t to,
                         std::span<const Step> to_below) {
  if (from_below.empty() && to_below.empty()) return from == to ? Renaming::nothing : Renaming::top;
  const bool siblings = from == to && from_below.size() == to_below.size() && from_below.back().is_key &&
                        to_below.back().is_key &&
                        std::equal(from_below.begin(), from_below.end() - 1, to_below.begin(), same_step);
  if (!siblings) return Renaming::move;
  return from_below.back().key == to_below.back().key ? Renaming::nothing : Renaming::key;
}

}  // namespace pipec::runtime::record
