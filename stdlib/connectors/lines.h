// Framing by lines: finds the records of a block of text.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/error.h"

namespace pipec::stdlib {

// Appends each whole line of data[0, size) to `origins`, without its "\n" or "\r\n"; skips empty and blank
// lines. Stops after `max_records` lines (0: no limit). Returns how many bytes were consumed, up to and
// including a newline.
std::size_t find_lines(const char* data, std::size_t size, std::size_t max_records,
                       std::vector<runtime::Slice>& origins);

// Appends the text after the last newline as the last line of a file. Appends nothing if it is blank.
void add_last_line(const char* data, std::size_t begin, std::size_t end,
                   std::vector<runtime::Slice>& origins);

// For the first block of a text: its first record does not begin with the byte order mark.
void skip_byte_order_mark(runtime::Block& block);

// FF FE or FE FF: no UTF-8 begins like that.
bool begins_like_utf16(std::string_view text);
runtime::Error utf16_error(std::string_view name);

}  // namespace pipec::stdlib
