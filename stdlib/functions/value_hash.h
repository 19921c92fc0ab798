// A hash consistent with the language's `==`: equal values have equal hashes, across int and float, the forms
// of strings, and the order of keys.
#pragma once

#include <cstdint>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/value.h"

namespace pipec::stdlib {

// Seeded per process, so that data cannot aim at collisions.
std::uint64_t hash_value(const runtime::Value& value, runtime::Arena& arena);

}  // namespace pipec::stdlib
