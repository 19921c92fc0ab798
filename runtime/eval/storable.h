// Whether a value may become part of a record, or a record.
#pragma once

#include <string_view>

#include "pipec/runtime/value.h"

namespace pipec::runtime::eval {

struct Storable {
  std::string_view refusal;  // why not; empty: it may
  // All of it was built or read: it contains no slice of unchecked text.
  bool checked = true;
};

// Rejects durations, and values that would make the record too deep or too large. `around`: the number of
// containers around the value.
Storable check_storable(const Value& value, std::size_t around);

// Whether a storable value survives a MsgPack round trip unchanged: in MsgPack numbers have no text, and the
// nesting of a slice counts from the value that contains it.
bool comes_back_from_msgpack(const Value& value);

}  // namespace pipec::runtime::eval
