// What a format does with bytes: it frames them (where does a record end?) and writes records as them. The
// third thing, to parse them, is a Stage. A FormatSpec (registry.h) puts the three under one name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/batch.h"

namespace pipec::runtime {

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
                  bool at_end, std::vector<Slice>& origins) = 0;
  // What was taken is all that there may be, but for white space: nothing may follow it later either.
  virtual bool closed() const { return false; }
  // Is it UTF-8, so that another encoding's byte order mark is an error?
  virtual bool is_text() const { return false; }
  virtual Format format() const { return Format::json; }
};

// Turns records into bytes. One for each sink, on one thread at a time.
class Encoder {
 public:
  struct Piece {
    std::string_view text;         // lives until the next piece is asked for, or as long as the batch
    std::size_t records = 1;       // that it holds
    const char* failed = nullptr;  // why the record (one) cannot be written; lives until the next call
    Format format = Format::json;  // of what is written, for who reads it as records again
    bool line = true;              // a newline belongs behind it; lines before the last one have theirs
    bool newline_follows = false;  // text.data()[text.size()] is readable and the newline
  };

  virtual ~Encoder() = default;
  // One record among others of an output: as a line, it holds no newline.
  virtual Piece one(const Batch& batch, std::size_t at) = 0;
  // The next record or records of the batch, from `at` on: as many as can be had in one piece.
  virtual Piece next(const Batch& batch, std::size_t at) { return one(batch, at); }
  // One record for a sink without lines, such as a message: nothing is changed for their sake.
  virtual Piece payload(const Batch& batch, std::size_t at) { return one(batch, at); }
  // What an output that holds nothing yet begins with, ahead of this record: a header, its newline included.
  // The last piece stays as it is.
  virtual std::string_view head(const Batch& batch, std::size_t at) {
    (void)batch, (void)at;
    return {};
  }
};

}  // namespace pipec::runtime
