// JSON Pointer (RFC 6901): "/a/0/b" leads to `b` of the first item of `a`. `~1` stands for a slash in a key,
// `~0` for a tilde. The empty pointer is the whole value.
#pragma once

#include <cstdint>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/containers.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

// A pointer that is neither empty nor begins with a slash finds nothing. The result refers to what `root`
// refers to, or to the arena.
Found find_pointer(const Value& root, std::string_view pointer, Arena& arena);

enum class PointerEdit : std::uint8_t {
  done,
  not_a_pointer,  // it does not begin with a slash
  no_container,   // the value that it leads through, or `root` itself, is no object and no array
  out_of_bounds,  // an array has no such item
  malformed,      // `root` is JSON text that does not parse
};

// Sets `root` to a copy in which the value at the pointer is `value`; JSON text stays JSON text, with all
// other bytes as they were. Objects that are missing on the way are added. `root` is left alone unless done.
PointerEdit set_pointer(Value& root, std::string_view pointer, const Value& value, Arena& arena);

}  // namespace pipec::runtime
