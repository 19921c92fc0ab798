// The lines of web servers' access logs, described as Apache's LogFormat does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/value.h"
#include "stdlib/functions/time_format.h"

namespace pipec::stdlib {

class LogFormat {
 public:
  static runtime::Result<LogFormat> compile(std::string_view format);

  // Appends the fields of the line; `-` is null. Keys live as long as the format, values as long as the line
  // and the arena. Returns null, or the reason why the line does not match, with the position.
  const char* read(std::string_view line, runtime::Arena& arena, std::vector<runtime::Member>& fields,
                   std::size_t& at) const;

 private:
  enum class Kind : std::uint8_t { text, number, time, request };
  struct Part {
    std::string before;  // text that stands there
    Kind kind = Kind::text;
    std::string name;
    bool quoted = false;  // up to the next quote that is not escaped
    std::shared_ptr<const TimeFormat> time = {};
  };
  const char* add_field(Part part, bool has_argument, std::string_view argument, char letter);
  static const char* read_part(const Part& part, std::string_view text, runtime::Arena& arena,
                               std::vector<runtime::Member>& fields);
  std::string_view text_of(std::size_t part, std::string_view line, std::size_t at) const;

  std::vector<Part> parts_;
  std::string after_;
  bool spaced_ = false;  // spaces separate fields: an unquoted one holds none
};

// common, combined, vhost_combined, and nginx's main.
const std::array<LogFormat, 4>& known_log_formats();

}  // namespace pipec::stdlib
