// A record that a stage holds back beyond its batch: its own bytes and metadata.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"

namespace pipec::stdlib {

struct HeldRecord {
  std::string payload = {};
  runtime::Format format = runtime::Format::json;
  bool validated = false;
  std::optional<runtime::Metadata> metadata = {};

  static HeldRecord of(const runtime::Batch& batch, const runtime::Record& record);
  std::size_t bytes() const;

  // As part of a stage's state. read(): nothing if the bytes are damaged.
  void write(std::string& out) const;
  static std::optional<HeldRecord> read(std::string_view& from);
};

// The records that a stage adds to a batch in finish() or on_time(), all in one buffer.
class Released {
 public:
  Released(runtime::Batch& out, std::size_t bytes);
  // An error if the batch would exceed 4 GiB.
  runtime::Status add(const HeldRecord& record);
  runtime::Status add(std::string_view payload, runtime::Format format, bool validated);

 private:
  runtime::Batch& out_;
  std::uint16_t buffer_;
};

}  // namespace pipec::stdlib
