// Whether a value may become part of a record, or a record.
#pragma once

#include <string_view>

#include "pipec/runtime/value.h"

namespace pipec::runtime::eval {

struct Storable {
  std::string_view refusal;  // why not; empty: it may
  // All of it was built or read: no slice of text in it whose inside nobody has looked at.
  bool checked = true;
};

// Refuses durations, and what a program that puts a value into itself again and again makes: too deep, too
// big.
Storable check_storable(const Value& value);

}  // namespace pipec::runtime::eval
