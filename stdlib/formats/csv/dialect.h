// The characters that CSV is made of, and what can be told of a row without taking it apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/registry.h"

namespace pipec::stdlib::csv {

struct Dialect {
  char delimiter = ',';
  char quote = '"';
};

// The options `delimiter` and `quote`.
std::vector<runtime::OptionSpec> dialect_options();
runtime::Result<Dialect> dialect_of(const runtime::Options& options);

// The option `columns`.
runtime::OptionSpec columns_option(std::string doc);
// Names that are distinct and not empty. Empty: the option was left out.
runtime::Result<std::vector<std::string>> columns_of(const runtime::Options& options);
// Why these names cannot be a header; "" where they can.
std::string fault_of(const std::vector<std::string>& columns);

// Where the fields end, if the row has neither a quote nor anything that JSON escapes; false otherwise. The
// text is followed by 16 readable bytes.
bool find_plain_fields(std::string_view row, Dialect dialect, std::vector<std::uint32_t>& ends);

// Takes a row apart, field by field.
class RowReader {
 public:
  // `room` holds quoted fields in which quotes are doubled.
  RowReader(std::string_view row, Dialect dialect, std::string& room)
      : row_(row), dialect_(dialect), room_(room) {}

  // The next field; lives until the next call. False: there is none, or the row is malformed.
  bool next(std::string_view& field);
  const char* reason() const { return reason_; }  // null: well-formed so far
  std::size_t at() const { return at_; }          // of the next field, or of what is malformed

 private:
  bool quoted(std::string_view& field);

  const std::string_view row_;
  const Dialect dialect_;
  std::string& room_;
  std::size_t at_ = 0;
  bool ended_ = false;
  const char* reason_ = nullptr;
};

}  // namespace pipec::stdlib::csv
