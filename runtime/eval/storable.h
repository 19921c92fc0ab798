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

// Refuses durations, and what would make the record nest too deep or be too big. `around`: how many
// containers the value lies in.
Storable check_storable(const Value& value, std::size_t around);

// Whether a MsgPack record gives a storable value back as it was when it became part of it: there no number
// has a text, and how deep a slice nests counts from the value that it is in.
bool comes_back_from_msgpack(const Value& value);

}  // namespace pipec::runtime::eval
