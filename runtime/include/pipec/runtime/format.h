// Framing (where does a record end?) and writing of a data format. Parsing, the third part, is a Stage. A
// FormatSpec (registry.h) combines the three under one name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/batch.h"

namespace pipec::runtime {

// Cuts a stream into records, in whatever pieces it arrives, without searching any bytes twice.
class Framing {
 public:
  struct Cut {
    std::size_t taken = 0;  // end of the last whole record and of the bytes after it that belong to no record
    std::uint64_t needs = 0;  // minimum length of the record that begins there; 0: none, or unknown
    std::string error = {};   // why the stream cannot continue; empty: it can
    std::size_t error_at = 0;
  };

  virtual ~Framing() = default;
  // Resumes the stream at this offset with nothing read yet. `closed`: the value of closed() there.
  virtual void restart(std::uint64_t offset, bool closed) = 0;
  // Appends the whole records of data[from, ...) to `origins`, up to `max_records` in it (0: no limit); none
  // begins at or after `stop`. `from` is where the last cut ended, or 0 if the data begins there. `at_end`:
  // nothing follows the data. Offsets count from data's first byte.
  virtual Cut cut(std::string_view data, std::size_t from, std::size_t stop, std::size_t max_records,
                  bool at_end, std::vector<Slice>& origins) = 0;
  // Only white space may follow the bytes taken so far, now or later.
  virtual bool closed() const { return false; }
  // Is it UTF-8, so that another encoding's byte order mark is an error?
  virtual bool is_text() const { return false; }
  virtual Format format() const { return Format::json; }
};

// Turns records into bytes. One for each sink, on one thread at a time.
class Encoder {
 public:
  struct Piece {
    std::string_view text = {};    // valid until the next call of next(), or as long as the batch
    std::size_t records = 1;       // that it holds
    const char* failed = nullptr;  // why the record (one) cannot be written; lives until the next call
    Format format = Format::json;  // of the output, for readers that parse it as records again
    bool line = true;              // a newline must follow it; lines before the last one have theirs
    bool newline_follows = false;  // text.data()[text.size()] is readable and the newline
  };

  virtual ~Encoder() = default;
  // One record among others of an output: as a line, it holds no newline.
  virtual Piece one(const Batch& batch, std::size_t at) = 0;
  // The next record or records of the batch, from `at` on: as many as can be had in one piece.
  virtual Piece next(const Batch& batch, std::size_t at) { return one(batch, at); }
  // One record for a sink without lines, such as a message: nothing is changed for their sake.
  virtual Piece payload(const Batch& batch, std::size_t at) { return one(batch, at); }
  // The output holds these bytes already, of an earlier run: its beginning, as far as it was read. What is
  // added must fit them.
  virtual void continues(std::string_view beginning) { (void)beginning; }
  // The header of an output that is still empty, written before this record, including its newline. The last
  // piece stays unchanged.
  virtual std::string_view head(const Batch& batch, std::size_t at) {
    (void)batch, (void)at;
    return {};
  }
};

}  // namespace pipec::runtime
