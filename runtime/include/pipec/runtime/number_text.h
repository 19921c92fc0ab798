// The text of numbers and times, the same in every format.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pipec::runtime {

// Shortest decimal text of a finite double; at most 32 bytes. Returns the length.
std::size_t format_float(double value, char* out);
// RFC 3339 in UTC, with as many fraction digits as needed (0, 3, 6 or 9). At most 40 bytes. Returns the
// length.
std::size_t format_timestamp(std::int64_t nanoseconds, char* out);

}  // namespace pipec::runtime
