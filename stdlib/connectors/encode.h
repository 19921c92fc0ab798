// How a sink turns records into bytes: lines, or MsgPack values one after another. One record is one line,
// whatever it holds.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

enum class Encoding {
  own,   // each record in its own format
  json,  // a raw newline in a record (JSON allows them between tokens) becomes a space
  msgpack,
  text,  // its .message; a newline in that is written as \n
};

// The common option `encode` of sinks.
runtime::OptionSpec encode_option();
Encoding encoding_of(const runtime::Options& options);

class RecordEncoder {
 public:
  explicit RecordEncoder(Encoding encoding) : encoding_(encoding), buffer_(pool_.get(1024)) {}

  // The next record or records of the batch, from `at` on: as many as lie behind each other in their buffer,
  // so that what passed unchanged is written in one piece, or as many as fill a buffer of moderate size.
  struct Piece {
    std::string_view text;         // lives until the next call, or as long as the batch
    std::size_t records = 1;       // that it holds
    const char* failed = nullptr;  // why the record (one) cannot be written; lives until the next call
    runtime::Format format = runtime::Format::json;
    bool line = true;              // a newline belongs behind it; lines before the last one have theirs
    bool newline_follows = false;  // text.data()[text.size()] is readable and the newline
  };
  Piece next(const runtime::Batch& batch, std::size_t at);
  // As above, never more than one record: for sinks where each record may go elsewhere.
  Piece one(const runtime::Batch& batch, std::size_t at);
  // One record for a sink that has no lines: nothing is changed for their sake.
  Piece payload(const runtime::Batch& batch, std::size_t at);

 private:
  Piece neighbours(const runtime::Batch& batch, std::size_t at) const;
  Piece transcoded(const runtime::Batch& batch, std::size_t at, std::size_t most);
  Piece message(const runtime::Record& record, std::string_view payload, bool in_line);
  std::string_view in_one_line(std::string_view payload);

  const Encoding encoding_;
  runtime::BufferPool pool_{1};
  runtime::BufferRef buffer_;
  std::string line_;
  std::string reason_;
  runtime::Arena arena_;
};

}  // namespace pipec::stdlib
