// Encodes records in a format that records are stored in: lines, or consecutive values. Records already in
// that format are written unchanged, in runs; others are transcoded. One record is one line, whatever it
// holds.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/format.h"

namespace pipec::stdlib {

inline bool has_line_break(std::string_view text) {
  return text.find('\n') != std::string_view::npos || text.find('\r') != std::string_view::npos;
}

class RecordEncoder final : public runtime::Encoder {
 public:
  struct Target {
    const char* name;
    runtime::Format format;
    bool line;  // its records are lines
    // Appends a record of another format. Null, or why it has no form in this one, with the place in its
    // bytes.
    const char* (*transcode)(const runtime::Record& record, std::string_view payload, runtime::Buffer& out,
                             std::size_t* place);
  };
  // Without a target each record stays in its own format.
  explicit RecordEncoder(std::optional<Target> target = {}) : target_(target), buffer_(pool_.get(1024)) {}

  // Records that are adjacent in their buffer form one piece; transcoded records form pieces of moderate
  // size.
  Piece next(const runtime::Batch& batch, std::size_t at) override;
  Piece one(const runtime::Batch& batch, std::size_t at) override;
  Piece payload(const runtime::Batch& batch, std::size_t at) override;

 private:
  bool goes_as_it_is(const runtime::Record& record) const {
    return !target_ || record.format == target_->format;
  }
  Piece neighbours(const runtime::Batch& batch, std::size_t at) const;
  Piece transcoded(const runtime::Batch& batch, std::size_t at, std::size_t most);
  std::string_view in_one_line(std::string_view payload);

  const std::optional<Target> target_;
  runtime::BufferPool pool_{1};
  runtime::BufferRef buffer_;
  std::string line_;
  std::string reason_;
};

}  // namespace pipec::stdlib
