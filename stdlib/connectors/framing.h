// Framing: where the records of a stream of bytes end, for what is not read line by line (lines.h does that).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

// Cuts a stream into records, however it comes in pieces: what was searched is not searched again.
class Framing {
 public:
  struct Cut {
    std::size_t taken = 0;  // behind the last whole record, and what belongs to no record behind it
    std::uint64_t needs =
        0;              // the record that begins there is at least so long; 0: there is none, or nobody knows
    std::string error;  // what is wrong with what follows; empty: nothing. The stream cannot go on
    std::size_t error_at = 0;
  };

  virtual ~Framing() = default;
  // The stream goes on at this offset with nothing read yet. `closed`: what closed() said there.
  virtual void restart(std::uint64_t offset, bool closed) = 0;
  // Appends the whole records of data[from, ...) to `origins`, up to `max_records` in it (0: no limit); none
  // begins at or behind `stop`. `from` is where the last cut ended, or 0 with what was behind that in front.
  // `at_end`: nothing follows the data. Places are counted from data's first byte.
  virtual Cut cut(std::string_view data, std::size_t from, std::size_t stop, std::size_t max_records,
                  bool at_end, std::vector<runtime::Slice>& origins) = 0;
  // What was taken is all that there may be, but for white space: nothing may follow it later either.
  virtual bool closed() const { return false; }
  // Is it UTF-8, so that another encoding's byte order mark is an error?
  virtual bool is_text() const { return false; }
  virtual runtime::Format format() const { return runtime::Format::json; }
};

// The common option `framing`.
runtime::OptionSpec framing_option();
// Null for lines.
std::unique_ptr<Framing> make_framing(const runtime::Options& options);

}  // namespace pipec::stdlib
