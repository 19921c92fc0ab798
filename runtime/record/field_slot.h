// The result of indexing a record: whether it has fields, and where a member is.
#pragma once

#include <cstdint>

namespace pipec::runtime::record {

// Offsets into the record.
struct FieldSlot {
  std::uint32_t key_begin = 0;    // JSON: the opening quote
  std::uint32_t key_end = 0;      // JSON: after the closing quote
  std::uint32_t value_begin = 0;  // first byte of the value
  std::uint32_t value_end = 0;    // after its last byte; 0: the record has no such member
  bool found() const { return value_end != 0; }
};

enum class Shape : std::uint8_t {
  object,
  other,      // an array or a scalar: it has no fields
  malformed,  // no value, cut off, not balanced, more than one value, nested too deep
};

}  // namespace pipec::runtime::record
