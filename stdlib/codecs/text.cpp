// parse text: each line becomes {"message": line}.
#include <fmt/format.h>

#include <memory>

#include "pipec/runtime/json.h"
#include "pipec/runtime/utf8.h"
#include "stdlib/codecs/on_error.h"

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

}  // namespace

void register_text_parser(runtime::Registry& registry) {
  runtime::ParserSpec spec;
  spec.name = "text";
  spec.doc = "Makes {\"message\": line} of each line; one that is not UTF-8 does not parse";
  spec.options = {on_error_option()};
  spec.makes_strings = true;
  spec.make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return std::unique_ptr<runtime::Stage>(std::make_unique<TextParser>(on_error_of(options)));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
