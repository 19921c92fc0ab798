// Conversion of records to C and back.
#pragma once

#include <cstdint>
#include <vector>

#include "pipec/c.h"
#include "pipec/stdlib/memory.h"

namespace pipec::c {

// A view of the channel's record.
struct Lent {
  Lent(std::uint64_t number, const stdlib::MemoryRecord& record);
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

  std::vector<pipec_header> headers;
  pipec_record record{};
};

// Returns what is wrong with a record that the program passed, or null.
const char* wrong_with(const pipec_record* record);
stdlib::MemoryRecord copy_of(const pipec_record& record);

}  // namespace pipec::c
