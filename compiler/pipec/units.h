// Numbers as people read them: in progress, summaries and messages.
#pragma once

#include <cstdint>
#include <string>

namespace pipec::cli {

std::string count_text(std::uint64_t count);                        // "1,234,567"
std::string count_text(std::uint64_t count, const char* singular);  // "1 record", "2 records"
std::string bytes_text(double bytes);                               // "999 B", "1.2 MB": powers of ten
std::string seconds_text(double seconds);  // "0.012 s", "3.4 s", "2 min 5 s", "3 h 12 min"

}  // namespace pipec::cli
