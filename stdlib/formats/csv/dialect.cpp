#include "stdlib/formats/csv/dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "pipec/runtime/containers.h"
#include "pipec/runtime/json.h"

namespace pipec::stdlib::csv {

namespace {

using runtime::Error;
using runtime::ErrorCode;
using runtime::OptionSpec;
using runtime::Result;
using runtime::Value;

OptionSpec character_option(std::string name, const char* fallback, std::string doc) {
  OptionSpec option;
  option.name = std::move(name);
  option.types = runtime::Type::string;
  option.fallback = Value::string(fallback);
  option.doc = std::move(doc);
  return option;
}

}  // namespace

std::vector<OptionSpec> dialect_options() {
  return {character_option("delimiter", ",", "the character between two fields"),
          character_option(
              "quote", "\"",
              "the character around a field that holds delimiters, quotes (doubled) or line breaks")};
}

Result<Dialect> dialect_of(const runtime::Options& options) {
  const auto one = [&](const char* name, std::string_view fallback, char& into) {
    const std::string_view text = options.string(name, fallback);
    if (text.size() != 1 || static_cast<unsigned char>(text[0]) >= 0x80 || text[0] == '\n' || text[0] == '\r')
      return false;
    into = text[0];
    return true;
  };
  Dialect dialect;
  for (const auto& [name, fallback, into] :
       {std::tuple("delimiter", ",", &dialect.delimiter), std::tuple("quote", "\"", &dialect.quote)}) {
    if (!one(name, fallback, *into))
      return Error::make(ErrorCode::option,
                         fmt::format("'{}' must be one ASCII character, and no line break", name));
  }
  if (dialect.delimiter == dialect.quote)
    return Error::make(ErrorCode::option, "'delimiter' and 'quote' must differ");
  return dialect;
}

OptionSpec columns_option(std::string doc) {
  OptionSpec option;
  option.name = "columns";
  option.types = runtime::Type::array;
  option.doc = std::move(doc);
  return option;
}

Result<std::vector<std::string>> columns_of(const runtime::Options& options) {
  std::vector<std::string> columns;
  const auto* item = options.find("columns");
  if (!item) return columns;
  runtime::Arena arena;
  runtime::ArrayWalker names(item->value);
  for (Value name; names.next(name);) {
    if (name.type() != runtime::Type::string)
      return Error::make(ErrorCode::option, "'columns' must be a list of strings");
    columns.emplace_back(runtime::decode_string(name, arena));
  }
  if (columns.empty()) return Error::make(ErrorCode::option, "'columns' is empty");
  if (const std::string fault = fault_of(columns); !fault.empty())
    return Error::make(ErrorCode::option, "'columns' " + fault);
  return columns;
}

std::string fault_of(const std::vector<std::string>& columns) {
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].empty()) return fmt::format("has an empty name in column {}", i + 1);
    if (!seen.insert(columns[i]).second) return fmt::format("names '{}' twice", columns[i]);
  }
  return {};
}

bool RowReader::next(std::string_view& field) {
  if (ended_ || reason_) return false;
  if (at_ < row_.size() && row_[at_] == dialect_.quote) {
    if (!quoted(field)) return false;
  } else {
    const std::size_t end = std::min(row_.find(dialect_.delimiter, at_), row_.size());
    field = row_.substr(at_, end - at_);
    at_ = end;
  }
  ended_ = at_ == row_.size();
  if (!ended_) ++at_;
  return true;
}

// Moves past the closing quote.
bool RowReader::quoted(std::string_view& field) {
  const std::size_t begin = at_ + 1;
  bool doubled = false;
  std::size_t close = begin;
  for (;;) {
    close = row_.find(dialect_.quote, close);
    if (close == std::string_view::npos) {
      reason_ = "the quote is not closed";
      return false;
    }
    if (close + 1 == row_.size() || row_[close + 1] != dialect_.quote) break;
    doubled = true;
    close += 2;
  }
  at_ = close + 1;
  if (at_ < row_.size() && row_[at_] != dialect_.delimiter) {
    reason_ = "text after a closing quote";
    return false;
  }
  field = row_.substr(begin, close - begin);
  if (!doubled) return true;
  room_.clear();
  for (std::size_t i = 0; i < field.size(); ++i) {
    room_ += field[i];
    if (field[i] == dialect_.quote) ++i;  // the second one of the pair
  }
  field = room_;
  return true;
}

}  // namespace pipec::stdlib::csv
