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

// A quoted key as it is looked for in a block of records: by two of its bytes at once, then by all of them.
struct Needle {
  explicit Needle(std::string_view key);
  std::string quoted;       // with its quotes
  std::uint32_t first = 0;  // the two places in it that are compared first: the rarest bytes
  std::uint32_t second = 0;
  bool any_escape = false;  // a backslash before any byte may spell it in another way; else only \u
};

struct Kernel {
  const char* name;
  // record[begin] is an opening bracket. Writes the offsets of the `,` and `:` that stand directly in it, and
  // of its closing bracket, which is the last one. Returns how many; 0 where the brackets do not balance by
  // kind, a string is not closed, nesting exceeds kMaxDepth, or a nested bracket does not begin a value.
  std::size_t (*members)(const char* record, std::size_t size, std::size_t begin, Offsets& out);
  // text[0] is an opening bracket and text[size - 1] a closing one. Null where valid; UTF-8 is left to the
  // caller: `ascii` tells whether there is none to check.
  const char* (*validate)(const char* text, std::size_t size, std::size_t* offset, bool* ascii);
  // text[begin, end) are lines, each `{"key":value,...}` without a bracket inside: what FieldIndex::scan
  // takes for an object, whose keys and strings are all that is in quotes. One space is allowed behind `:`
  // and
  // `,`, none before them. Which bracket a line begins and ends with, and what stands for a value that is no
  // string, is left to the caller. Returns `end`, or the beginning of the first 64 bytes where it is not so:
  // the records that end two bytes before it and earlier are as described.
  std::size_t (*flat)(const char* text, std::size_t begin, std::size_t end);
  // The same, of lines that are valid JSON but for UTF-8 (`ascii`: there is none to check) and hold no
  // backslash. Brackets as there. `out` and `count`, where given: as operators(), of the lines that are so.
  std::size_t (*valid_flat)(const char* text, std::size_t begin, std::size_t end, bool* ascii, Offsets* out,
                            std::size_t* count);
  // Appends to out[count] the offsets in text[begin, end), which is lines, of all brackets, colons and commas
  // that are in no string (and of bytes 0x0c and 0x1a). Returns `end`, or the beginning of the first 64 bytes
  // with a newline in a string: up to there the offsets are written.
  std::size_t (*operators)(const char* text, std::size_t begin, std::size_t end, Offsets& out,
                           std::size_t& count);
  // Writes the offsets in text[begin, end) of all quotes and backslashes, and four that are behind any text.
  // Null where operators() is quicker than this and follow().
  void (*quotes)(const char* text, std::size_t begin, std::size_t end, Offsets& out);
  // Whether the record text[begin, end), `{...}` in one piece, has this layout: what Layouts::find() says of
  // its operators, told from its quotes(), of which the first one is at `quotes`. Null, too, where a string
  // holds a backslash or a scalar is longer than 63 bytes; else what stands behind the record's quotes.
  // Writes the members as BlockIndex has them: room for 1 + 2 * leads.
  const std::uint32_t* (*follow)(const Layout& layout, const char* text, std::uint32_t begin,
                                 std::uint32_t end, const std::uint32_t* quotes, std::uint32_t* members);
  // Writes the offsets in text[begin, end) where the needle stands and those of the backslashes that may be
  // part of another spelling of it, in order. Returns how many.
  std::size_t (*find)(const char* text, std::size_t begin, std::size_t end, const Needle& needle,
                      Offsets& out);
};

// The best one for this processor.
const Kernel& best_kernel();
// All that run on this processor, for the tests that compare them.
std::span<const Kernel* const> usable_kernels();

}  // namespace pipec::runtime::json
