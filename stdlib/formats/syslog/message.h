// One message of syslog taken apart: RFC 5424, RFC 3164 and what programs make of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pipec/runtime/buffer.h"
#include "stdlib/formats/shared/field_list.h"
#include "stdlib/formats/syslog/timestamps.h"

namespace pipec::stdlib::syslog {

// Parts that are absent have null data. `structured_data` is JSON.
struct Message {
  std::optional<unsigned> priority;
  std::optional<std::int64_t> timestamp;
  std::string_view hostname;
  std::string_view appname;
  std::string_view procid;
  std::string_view msgid;
  std::string_view structured_data;
  std::string_view text;
};

class Reader {
 public:
  explicit Reader(const OldTimes& old_times) : old_times_(old_times) {}

  // Null, or why the line is no syslog, and where. The parts live until the next call.
  const char* read(std::string_view line, std::int64_t now, Message& message, std::size_t& at);

 private:
  const char* new_style(Message& message);
  const char* old_style(std::int64_t now, Message& message);
  const char* structured_data(std::string_view& json);
  const char* parameters(std::string_view& json);
  bool take_part(std::string_view& part);
  void take_tag(Message& message);
  std::string_view rest() const { return line_.substr(at_); }
  bool next_is(char c) const { return at_ < line_.size() && line_[at_] == c; }

  const OldTimes& old_times_;
  std::string_view line_;
  std::size_t at_ = 0;
  FieldList elements_;
  FieldList parameters_;
  runtime::BufferPool pool_{1};
  runtime::BufferRef json_ = pool_.get(256);
};

}  // namespace pipec::stdlib::syslog
