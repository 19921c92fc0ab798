// A complete user-defined format: values separated by bars, `tea|3`, with a semicolon after each record.
// As stdlib/formats/psv.cpp, with a line in formats.def, it would be a built-in format.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/json.h"
#include "pipec/runtime/registry.h"
#include "pipec/runtime/stage.h"
#include "pipec/runtime/utf8.h"

namespace psv {

using namespace pipec::runtime;

// The option `columns`, for parsing and encoding.
inline OptionSpec columns_option() {
  OptionSpec option;
  option.name = "columns";
  option.types = Type::array;
  option.required = true;
  option.doc = "the names of the values";
  return option;
}

inline std::vector<std::string> columns_of(const Options& options) {
  std::vector<std::string> columns;
  Arena arena;
  ArrayWalker names(options.find("columns")->value);
  for (Value name; names.next(name);) columns.emplace_back(decode_string(name, arena));
  return columns;
}

// framing: psv. Where does a record end?
class SemicolonFraming final : public Framing {
 public:
  void restart(std::uint64_t, bool) override {}
  Cut cut(std::string_view data, std::size_t from, std::size_t stop, std::size_t max_records, bool at_end,
          std::vector<Slice>& origins) override {
    while (from < stop && from < data.size() && (max_records == 0 || origins.size() < max_records)) {
      std::size_t end = data.find(';', from);
      if (end == std::string_view::npos && !at_end) break;  // the rest comes with the next piece
      if (end == std::string_view::npos) end = data.size();
      origins.push_back({static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(end - from)});
      from = std::min(end + 1, data.size());
    }
    Cut cut;
    cut.taken = from;
    return cut;
  }
};

// parse psv. Writes JSON in the record's place, so that every later stage can read it.
class Parser final : public Stage {
 public:
  Parser(OnError on_error, std::vector<std::string> columns)
      : on_error_(on_error), columns_(std::move(columns)) {}

  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    if (batch.records.empty()) return {};
    const std::uint16_t number = batch.add_buffer(batch.live_bytes() * 2);
    Buffer& out = *batch.buffers[number];
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      Record record = batch.records[i];
      const std::size_t begin = out.size();
      if (const char* reason = append(batch.payload(record), out)) {
        out.set_size(begin);
        if (Status status = reject(on_error_, batch, record, reason, context); !status) return status;
        continue;
      }
      record.buffer = number;
      record.begin = static_cast<std::uint32_t>(begin);
      record.size = static_cast<std::uint32_t>(out.size() - begin);
      record.format = Format::json;
      record.validated = true;
      batch.records[kept++] = record;
      out.append('\n');
    }
    batch.records.resize(kept);
    return {};
  }

 private:
  const char* append(std::string_view line, Buffer& out) const {
    if (!is_utf8(line)) return "parse error: not UTF-8";
    for (const std::string& column : columns_) {
      const bool last = &column == &columns_.back();
      const std::size_t bar = line.find('|');
      if (last != (bar == std::string_view::npos)) return "parse error: another number of values";
      out.append(&column == &columns_.front() ? '{' : ',');
      append_json_string(column, out);
      out.append(':');
      append_json_string(line.substr(0, bar), out);
      if (!last) line.remove_prefix(bar + 1);
    }
    out.append('}');
    return nullptr;
  }

  const OnError on_error_;
  const std::vector<std::string> columns_;
};

// encode: psv. A header at the beginning of each output, then the columns of each record.
class Writer final : public Encoder {
 public:
  explicit Writer(std::vector<std::string> columns) : columns_(std::move(columns)) {
    for (const std::string& column : columns_) head_ += (head_.empty() ? "" : "|") + column;
    head_ += ";\n";
  }

  std::string_view head(const Batch&, std::size_t) override { return head_; }

  Piece one(const Batch& batch, std::size_t at) override {
    arena_.reset();
    out_->clear();
    Piece piece;
    const auto record = read_json(batch.payload(batch.records[at]));
    for (const std::string& column : columns_) {
      const Found found = record ? find_member(*record, column, arena_) : Found();
      if (found.value.type() != Type::string) {
        piece.failed = "encode: psv: a column is no string";
        return piece;
      }
      if (&column != &columns_.front()) out_->append('|');
      out_->append(decode_string(found.value, arena_));
    }
    out_->append(';');
    piece.text = out_->view();
    return piece;
  }

 private:
  const std::vector<std::string> columns_;
  std::string head_;
  BufferPool pool_{1};
  BufferRef out_ = pool_.get(256);
  Arena arena_;
};

inline Status add(Registry& registry) {
  FormatSpec spec;
  spec.name = "psv";

  FormatSpec::Parse& parse = spec.parse.emplace();
  parse.doc = "Reads values with bars between them";
  parse.options = {columns_option()};
  parse.positional = 1;
  parse.makes_strings = true;
  parse.make = [](const Options& options) -> Result<std::unique_ptr<Stage>> {
    return std::unique_ptr<Stage>(std::make_unique<Parser>(OnError::dead_letter, columns_of(options)));
  };

  FormatSpec::Encode& encode = spec.encode.emplace();
  encode.doc = "the columns with bars between them, their names first";
  encode.options = {columns_option()};
  encode.positional = 1;
  encode.refuses = "a column that is no string";
  encode.make = [](const Options& options) -> Result<std::unique_ptr<Encoder>> {
    return std::unique_ptr<Encoder>(std::make_unique<Writer>(columns_of(options)));
  };

  FormatSpec::Frame& frame = spec.frame.emplace();
  frame.doc = "a record ends at a semicolon";
  frame.make = [](const Options&) -> Result<std::unique_ptr<Framing>> {
    return std::unique_ptr<Framing>(std::make_unique<SemicolonFraming>());
  };
  return registry.add(std::move(spec));
}

}  // namespace psv
