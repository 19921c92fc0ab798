// How a sink turns records into lines, one for each whatever it holds, or into messages of their own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

enum class Encoding {
  json,  // the record as it is; a raw newline in it (JSON allows them between tokens) becomes a space
  text,  // its .message; a newline in that is written as \n
};

// The common option `encode` of sinks that write lines.
runtime::OptionSpec encode_option();
Encoding encoding_of(const runtime::Options& options);

enum class Framing {
  lines,     // a newline ends a record, so that none may be in it
  messages,  // the destination keeps records apart: they are not touched
};

class LineEncoder {
 public:
  explicit LineEncoder(Encoding encoding, Framing framing = Framing::lines)
      : encoding_(encoding), framing_(framing) {}

  // The next line or lines of the batch, from record `at` on, without the last newline: as many records as
  // lie behind each other in their buffer with one newline between, so that what passed unchanged is written
  // in one piece.
  struct Piece {
    std::string_view text;         // lives until the next call, or as long as the batch
    std::size_t records = 1;       // that it holds
    const char* failed = nullptr;  // why the record (one) cannot be written
    bool newline_follows = false;  // text.data()[text.size()] is readable and the newline
  };
  Piece next(const runtime::Batch& batch, std::size_t at);
  // As above, never more than one record: for sinks where each record may go elsewhere.
  Piece one(const runtime::Batch& batch, std::size_t at);

 private:
  Piece message(std::string_view payload);
  std::string_view in_one_line(std::string_view payload);

  const Encoding encoding_;
  const Framing framing_;
  std::string line_;
  runtime::Arena arena_;
};

}  // namespace pipec::stdlib
