// encode: csv. The columns of each record; others are left out where `columns` says so, else refused.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "stdlib/formats/csv/dialect.h"
#include "stdlib/formats/csv/roles.h"
#include "stdlib/formats/shared/record_value.h"

namespace pipec::stdlib::csv {

namespace {

using runtime::Batch;
using runtime::Value;

class RowEncoder final : public runtime::Encoder {
 public:
  RowEncoder(std::vector<std::string> columns, bool header, Dialect dialect)
      : header_(header), picks_(!columns.empty()), dialect_(dialect) {
    for (const char c : {dialect.delimiter, dialect.quote, '\n', '\r'})
      special_[static_cast<unsigned char>(c)] = true;
    name_columns(std::move(columns));
  }

  // Without `columns` an output keeps those that it has.
  void continues(std::string_view beginning) override {
    if (picks_ || !header_ || !columns_.empty()) return;
    std::vector<std::string> names;
    std::string room;
    std::string row(beginning.substr(0, beginning.find('\n')));
    if (row.ends_with('\r')) row.pop_back();
    RowReader reader(row, dialect_, room);
    for (std::string_view name; reader.next(name);) names.emplace_back(name);
    if (!reader.reason()) name_columns(std::move(names));
  }

  std::string_view head(const Batch&, std::size_t) override {
    return header_ ? std::string_view(head_) : std::string_view();
  }

  Piece one(const Batch& batch, std::size_t at) override {
    arena_.reset();
    Piece piece;
    const auto record = value_of(batch, batch.records[at]);
    if (!record || record->type() != runtime::Type::object) return failed("csv needs an object");
    if (columns_.empty()) take_columns(*record);
    if (columns_.empty()) return failed("csv: the record has no fields");
    if (!find_values(*record)) return failed(reason_);
    line_.clear();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i != 0) line_ += dialect_.delimiter;
      if (values_[i].is_null()) continue;
      const auto text = runtime::interpolated(values_[i], arena_);
      if (!text) return failed("csv: the record is malformed");
      append_field(*text, line_);
    }
    // A line without anything on it would be none.
    if (line_.empty()) line_.assign(2, dialect_.quote);
    piece.text = line_;
    return piece;
  }

 private:
  Piece failed(std::string_view reason) {
    failed_ = fmt::format("encode: {}", reason);
    Piece piece;
    piece.failed = failed_.c_str();
    return piece;
  }

  void name_columns(std::vector<std::string> columns) {
    columns_ = std::move(columns);
    values_.resize(columns_.size());
    head_.clear();
    for (const std::string& column : columns_) {
      if (&column != &columns_.front()) head_ += dialect_.delimiter;
      append_field(column, head_);
    }
    head_ += '\n';
  }

  void take_columns(const Value& record) {
    std::vector<std::string> names;
    std::string_view key;
    Value value;
    for (runtime::ObjectWalker members(record, arena_); members.next(key, value);) {
      if (std::find(names.begin(), names.end(), key) == names.end()) names.emplace_back(key);
    }
    if (!names.empty()) name_columns(std::move(names));
  }

  // Fills values_; false: the record has a field that is no column, or is malformed.
  bool find_values(const Value& record) {
    std::fill(values_.begin(), values_.end(), Value());
    std::string_view key;
    Value value;
    std::size_t next = 0;  // fields mostly come in the order of the columns
    runtime::ObjectWalker members(record, arena_);
    while (members.next(key, value)) {
      std::size_t i = next;
      while (i < columns_.size() && columns_[i] != key) ++i;
      if (i == columns_.size()) {
        for (i = 0; i < next && columns_[i] != key;) ++i;
        if (i == next) i = columns_.size();
      }
      if (i < columns_.size()) {
        values_[i] = value;
        next = i + 1;
      } else if (!picks_) {
        reason_ = fmt::format(
            "csv: the field '{}' is no column of this output; name them with columns: [...]", key);
        return false;
      }
    }
    if (members.bad()) reason_ = "csv: the record is malformed";
    return !members.bad();
  }

  void append_field(std::string_view text, std::string& line) const {
    const bool plain = std::none_of(text.begin(), text.end(),
                                    [this](char c) { return special_[static_cast<unsigned char>(c)]; });
    if (plain) {
      line += text;
      return;
    }
    line += dialect_.quote;
    for (const char c : text) {
      if (c == dialect_.quote) line += c;
      line += c;
    }
    line += dialect_.quote;
  }

  const bool header_;
  const bool picks_;  // `columns` was given
  const Dialect dialect_;
  std::array<bool, 256> special_{};  // a field with one is quoted
  std::vector<std::string> columns_;
  std::vector<Value> values_;  // by column
  std::string head_;
  std::string line_;
  std::string reason_;
  std::string failed_;
  runtime::Arena arena_;
};

}  // namespace

runtime::FormatEncode encode_role() {
  runtime::OptionSpec header;
  header.name = "header";
  header.types = runtime::Type::boolean;
  header.fallback = Value::boolean(true);
  header.doc = "each new output begins with a row of the columns' names";
  runtime::FormatEncode encode;
  encode.doc = "a row of CSV; null is empty, arrays and objects are compact JSON";
  encode.options = {
      columns_option(
          "the fields to write, in this order; a missing one is empty (default: those of the first "
          "record; a record with others is a dead letter)"),
      std::move(header)};
  for (runtime::OptionSpec& option : dialect_options()) encode.options.push_back(std::move(option));
  encode.refuses = "no object, or without `columns` a field that the first record does not have";
  encode.make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Encoder>> {
    auto columns = columns_of(options);
    if (!columns) return columns.error();
    const auto dialect = dialect_of(options);
    if (!dialect) return dialect.error();
    return std::unique_ptr<runtime::Encoder>(
        std::make_unique<RowEncoder>(std::move(*columns), options.boolean("header", true), *dialect));
  };
  return encode;
}

}  // namespace pipec::stdlib::csv
