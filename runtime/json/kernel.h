// The inner loops over 64-byte blocks, in one version per instruction set. Chosen once, at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/record/layout.h"
#include "runtime/record/offsets.h"

namespace pipec::runtime::json {

using record::Layout;
using record::Offsets;

// A quoted key to search for in a block of records: first by two of its bytes, then by all of them.
struct Needle {
  explicit Needle(std::string_view key);
  std::string quoted;       // with its quotes
  std::uint32_t first = 0;  // the two places in it that are compared first: the rarest bytes
  std::uint32_t second = 0;
  bool any_escape = false;  // a backslash before any byte may spell it in another way; else only \u
};

struct Kernel {
  const char* name;
  // record[begin] is an opening bracket. Writes the offsets of the `,` and `:` directly inside it, and last
  // that of its closing bracket. Returns their number; 0 if the brackets do not balance by kind, a string is
  // not closed, nesting exceeds kMaxDepth, or a nested bracket does not begin a value.
  std::size_t (*members)(const char* record, std::size_t size, std::size_t begin, Offsets& out);
  // text[0] is an opening bracket and text[size - 1] a closing one. Null if valid. The caller checks UTF-8;
  // `ascii`: there is nothing to check.
  const char* (*validate)(const char* text, std::size_t size, std::size_t* offset, bool* ascii);
  // Checks that text[begin, end) consists of lines, each `{"key":value,...}` without inner brackets, that
  // FieldIndex::scan accepts as an object whose only quoted parts are keys and strings. One space is allowed
  // after `:` and `,`, none before them. The caller checks which bracket a line begins and ends with, and the
  // values that are not strings. Returns `end`, or the beginning of the first 64 bytes that violate this: the
  // records that end at least two bytes before it are as described.
  std::size_t (*flat)(const char* text, std::size_t begin, std::size_t end);
  // The same for lines that are valid JSON except for UTF-8 (`ascii`: nothing to check) and contain no
  // backslash. Brackets as for flat(). `out` and `count`, if given: as for operators(), for these lines.
  std::size_t (*valid_flat)(const char* text, std::size_t begin, std::size_t end, bool* ascii, Offsets* out,
                            std::size_t* count);
  // Appends to out[count] the offsets in text[begin, end), which is lines, of all brackets, colons and commas
  // that are in no string (and of bytes 0x0c and 0x1a). Returns `end`, or the beginning of the first 64 bytes
  // with a newline in a string: up to there the offsets are written.
  std::size_t (*operators)(const char* text, std::size_t begin, std::size_t end, Offsets& out,
                           std::size_t& count);
  // Writes the offsets in text[begin, end) of all quotes and backslashes, and four sentinels that are past
  // any text. Null if operators() is faster than this and follow().
  void (*quotes)(const char* text, std::size_t begin, std::size_t end, Offsets& out);
  // Whether the contiguous record text[begin, end), `{...}`, has this layout: the same decision as
  // Layouts::find() makes from its operators, made from its quotes(), the first of which is at `quotes`.
  // Returns the position after the record's quotes, or null; also null if a string contains a backslash or a
  // scalar is longer than 63 bytes. Writes the members as BlockIndex has them: up to 1 + 2 * leads.
  const std::uint32_t* (*follow)(const Layout& layout, const char* text, std::uint32_t begin,
                                 std::uint32_t end, const std::uint32_t* quotes, std::uint32_t* members);
  // Writes, in order, the offsets of the needle in text[begin, end) and of backslashes that may be part of
  // another spelling of it. Returns their number.
  std::size_t (*find)(const char* text, std::size_t begin, std::size_t end, const Needle& needle,
                      Offsets& out);
};

// The best one for this processor.
const Kernel& best_kernel();
// All that run on this processor, for the tests that compare them.
std::span<const Kernel* const> usable_kernels();

}  // namespace pipec::runtime::json
