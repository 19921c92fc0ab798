// text: parse turns each line into {"message": line}, encode writes a string, or .message.
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pipec/runtime/json.h"
#include "pipec/runtime/utf8.h"
#include "stdlib/formats/formats.h"
#include "stdlib/formats/on_error.h"
#include "stdlib/formats/record_encoder.h"
#include "stdlib/formats/shared/record_value.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Record;
using runtime::Status;

class TextParser final : public runtime::Stage {
 public:
  explicit TextParser(runtime::OnError on_error) : on_error_(on_error) {}

  Status process(Batch& batch, runtime::Scratch*, runtime::StageContext& context) const override {
    if (batch.records.empty()) return {};
    const std::uint16_t number = batch.add_buffer(batch.live_bytes() + batch.records.size() * 16);
    runtime::Buffer& out = *batch.buffers[number];
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      Record record = batch.records[i];
      const std::string_view line = batch.payload(record);
      if (const std::size_t valid = runtime::valid_utf8_prefix(line); valid != line.size()) {
        const std::string reason = fmt::format("parse error: not UTF-8 at byte {}", valid);
        if (Status status = runtime::reject(on_error_, batch, record, reason, context); !status)
          return status;
        continue;
      }
      const std::size_t begin = out.size();
      out.append("{\"message\":");
      runtime::append_json_string(line, out);
      out.append('}');
      record.buffer = number;
      record.begin = static_cast<std::uint32_t>(begin);
      record.size = static_cast<std::uint32_t>(out.size() - begin);
      record.format = runtime::Format::json;
      record.validated = true;
      out.append('\n');  // neighbours are written in one piece
      batch.records[kept++] = record;
    }
    batch.records.resize(kept);
    return {};
  }

 private:
  const runtime::OnError on_error_;
};

class TextEncoder final : public runtime::Encoder {
 public:
  Piece one(const Batch& batch, std::size_t at) override {
    Piece piece = payload(batch, at);
    if (piece.failed || !has_line_break(piece.text)) return piece;
    line_.clear();
    for (const char c : piece.text) {
      if (c == '\n' || c == '\r') {
        line_.append(c == '\n' ? "\\n" : "\\r");
      } else {
        line_.push_back(c);
      }
    }
    piece.text = line_;
    return piece;
  }

  Piece payload(const Batch& batch, std::size_t at) override {
    arena_.reset();
    Piece piece;
    const Record& record = batch.records[at];
    const auto value = value_of(batch, record);
    if (value && value->type() == runtime::Type::string) {
      piece.text = runtime::decode_string(*value, arena_);
      return piece;
    }
    if (!value || value->type() != runtime::Type::object) {
      piece.failed = "encode: text needs a string, or an object with .message";
      return piece;
    }
    const runtime::Found found = runtime::find_member(*value, "message", arena_);
    if (found.bad) {
      piece.failed = "encode: text: the record is malformed";
    } else if (!found.found || found.value.type() != runtime::Type::string) {
      piece.failed =
          found.found ? "encode: text: .message is not a string" : "encode: text: the record has no .message";
    } else {
      piece.text = runtime::decode_string(found.value, arena_);
    }
    return piece;
  }

 private:
  std::string line_;
  runtime::Arena arena_;
};

}  // namespace

void register_text_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "text";
  spec.parse.emplace();
  spec.parse->doc = "Makes {\"message\": line} of each line; one that is not UTF-8 does not parse";
  spec.parse->options = {on_error_option()};
  spec.parse->makes_strings = true;
  spec.parse->make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return std::unique_ptr<runtime::Stage>(std::make_unique<TextParser>(on_error_of(options)));
  };
  spec.encode.emplace();
  spec.encode->doc = "the record where it is a string, else its .message; a newline in it is written as \\n";
  spec.encode->refuses = "neither a string nor an object with one in .message";
  spec.encode->make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<runtime::Encoder>> {
    return std::unique_ptr<runtime::Encoder>(std::make_unique<TextEncoder>());
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
