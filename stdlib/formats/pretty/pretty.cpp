// pretty: JSON over several lines, for people to read.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "stdlib/formats/formats.h"
#include "stdlib/formats/framing.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Record;

class PrettyEncoder final : public runtime::Encoder {
 public:
  Piece one(const Batch& batch, std::size_t at) override {
    const Record& record = batch.records[at];
    std::string_view json = batch.payload(record);
    std::size_t place = 0;
    const char* reason = nullptr;
    if (record.format == runtime::Format::msgpack) {
      json_->clear();
      reason = runtime::msgpack_to_json(json, record.validated, *json_, &place);
      json = json_->view();
    } else if (!record.validated) {
      reason = runtime::validate_json(json, &place);
    }
    Piece piece;
    if (reason) {
      failed_ = fmt::format("encode: pretty: {} at byte {}", reason, place);
      piece.failed = failed_.c_str();
    } else {
      lay_out(json);
      piece.text = text_;
    }
    return piece;
  }

 private:
  // `json` is valid.
  void lay_out(std::string_view json) {
    text_.clear();
    std::size_t depth = 0;
    for (std::size_t at = 0; at < json.size();) {
      const char c = json[at];
      if (c == '"') {
        std::size_t end = at + 1;
        while (json[end] != '"') end += json[end] == '\\' ? 2 : 1;
        text_ += json.substr(at, end + 1 - at);
        at = end + 1;
        continue;
      }
      ++at;
      if (is_white(c)) continue;
      const bool closes = c == '}' || c == ']';
      if (closes) {
        --depth;
        if (text_.back() != '{' && text_.back() != '[') new_line(depth);
      }
      text_ += c;
      if (c == ':') text_ += ' ';
      if (c == ',') new_line(depth);
      if (c != '{' && c != '[') continue;
      ++depth;
      const std::size_t next = json.find_first_not_of(" \t\r\n", at);
      if (json[next] != '}' && json[next] != ']') new_line(depth);
    }
  }

  void new_line(std::size_t depth) {
    text_ += '\n';
    text_.append(2 * depth, ' ');
  }

  runtime::BufferPool pool_{1};
  runtime::BufferRef json_ = pool_.get(1024);
  std::string text_;
  std::string failed_;
};

}  // namespace

void register_pretty_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "pretty";
  spec.encode.emplace();
  spec.encode->doc = "the record as JSON over several lines";
  spec.encode->refuses = "a record that is not JSON";
  spec.encode->make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<runtime::Encoder>> {
    return std::unique_ptr<runtime::Encoder>(std::make_unique<PrettyEncoder>());
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
