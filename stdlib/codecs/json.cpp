// parse json: the complete check of every record. Nothing is built; later stages read fields from the same
// bytes.
#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "pipec/runtime/json.h"
#include "stdlib/codecs/on_error.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Record;
using runtime::Status;

class JsonParser final : public runtime::Stage {
 public:
  explicit JsonParser(runtime::OnError on_error) : on_error_(on_error) {}

  Status process(Batch& batch, runtime::Scratch*, runtime::StageContext& context) const override {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      Record record = batch.records[i];
      if (!record.validated) {
        constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
        if (batch.payload(record).starts_with(kByteOrderMark)) {
          record.begin += 3;
          record.size -= 3;
        }
        std::size_t at = 0;
        if (const char* reason = runtime::validate_json(batch.payload(record), &at)) {
          const std::string text = fmt::format("parse error: {} at byte {}", reason, at);
          if (Status status = reject(on_error_, batch, record, text, context); !status) return status;
          continue;
        }
        record.validated = true;
      }
      batch.records[kept++] = record;
    }
    batch.records.resize(kept);
    return {};
  }

 private:
  const runtime::OnError on_error_;
};

}  // namespace

void register_json_parser(runtime::Registry& registry) {
  runtime::ParserSpec spec;
  spec.name = "json";
  spec.doc = "Checks that each record is one JSON value, completely";
  spec.options = {on_error_option()};
  spec.make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return std::unique_ptr<runtime::Stage>(std::make_unique<JsonParser>(on_error_of(options)));
  };
  registry.add(std::move(spec));
}

}  // namespace pipec::stdlib
