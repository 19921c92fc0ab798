#include "stdlib/formats/logfmt/encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "stdlib/formats/shared/record_value.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Value;

// It needs no quotes as a value, and can be a key.
bool is_bare(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\';
  });
}

class LogfmtEncoder final : public runtime::Encoder {
 public:
  Piece one(const Batch& batch, std::size_t at) override {
    arena_.reset();
    line_->clear();
    const auto record = value_of(batch, batch.records[at]);
    if (!record || record->type() != runtime::Type::object) return failed("logfmt needs an object");
    const Value members = runtime::expand(*record, arena_);  // of repeated keys the last counts
    if (members.is_failed()) return failed("logfmt: the record is malformed");
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      const auto& [key, value] = members.members()[i];
      if (!is_bare(key)) return failed(fmt::format("logfmt: the key '{}' cannot be written", key));
      if (i != 0) line_->append(' ');
      line_->append(key);
      line_->append('=');
      append(value);
    }
    if (line_->size() == 0) return failed("logfmt: the record has no fields");
    Piece piece;
    piece.text = line_->view();
    return piece;
  }

 private:
  // Null is empty, an empty string is `""`.
  void append(const Value& value) {
    if (value.is_null()) return;
    const std::string_view text = runtime::interpolated(value, arena_).value_or(std::string_view());
    if (is_bare(text)) {
      line_->append(text);
    } else {
      runtime::append_json_string(text, *line_);
    }
  }

  Piece failed(std::string_view reason) {
    failed_ = fmt::format("encode: {}", reason);
    Piece piece;
    piece.failed = failed_.c_str();
    return piece;
  }

  runtime::BufferPool pool_{1};
  runtime::BufferRef line_ = pool_.get(1024);
  std::string failed_;
  runtime::Arena arena_;
};

}  // namespace

runtime::FormatEncode logfmt_encode_role() {
  runtime::FormatEncode encode;
  encode.doc = "a line of key=value pairs; null is empty, arrays and objects are compact JSON";
  encode.refuses = "no object, no fields, or a key with white space, `=`, quotes or backslashes";
  encode.make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<runtime::Encoder>> {
    return std::unique_ptr<runtime::Encoder>(std::make_unique<LogfmtEncoder>());
  };
  return encode;
}

}  // namespace pipec::stdlib
