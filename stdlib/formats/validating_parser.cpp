#include "stdlib/formats/validating_parser.h"

#include <fmt/format.h>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Format;
using runtime::Record;
using runtime::Status;

// Why the record, taken as its format, does not parse; null: it does.
const char* check(const Batch& batch, const Record& record, std::size_t* at) {
  const std::string_view payload = batch.payload(record);
  return record.format == Format::json ? runtime::validate_json(payload, at)
                                       : runtime::validate_msgpack(payload, at);
}

class ValidatingParser final : public runtime::Stage {
 public:
  ValidatingParser(runtime::OnError on_error, Format format, Recognise recognise)
      : on_error_(on_error), format_(format), recognise_(recognise) {}

  Status process(Batch& batch, runtime::Scratch*, runtime::StageContext& context) const override {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      Record record = batch.records[i];
      if (!is_done(batch, record)) {
        const char* reason = "neither a JSON nor a MsgPack object or array";
        std::size_t at = 0;
        if (set_format(batch, record)) reason = check(batch, record, &at);
        if (reason) {
          const std::string text = fmt::format("parse error: {} at byte {}", reason, at);
          if (Status status = runtime::reject(on_error_, batch, record, text, context); !status)
            return status;
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
  // Already parsed, or a Kafka record without a payload, which is left unchanged.
  bool is_done(const Batch& batch, const Record& record) const {
    if (record.validated && (recognise_ || record.format == format_)) return true;
    const runtime::Metadata* metadata = batch.metadata_of(record);
    return metadata && metadata->null_payload && batch.payload(record) == "null";
  }

  // Sets the record's format; false: unknown.
  bool set_format(const Batch& batch, Record& record) const {
    record.validated = false;
    record.format = format_;
    if (!recognise_) return true;
    std::size_t skipped = 0;
    const auto format = recognise_(batch.payload(record), skipped);
    if (!format) return false;
    record.format = *format;
    record.begin += static_cast<std::uint32_t>(skipped);
    record.size -= static_cast<std::uint32_t>(skipped);
    return true;
  }

  const runtime::OnError on_error_;
  const Format format_;
  const Recognise recognise_;
};

}  // namespace

std::unique_ptr<runtime::Stage> make_validating_parser(runtime::OnError on_error, Format format,
                                                       Recognise recognise) {
  return std::make_unique<ValidatingParser>(on_error, format, recognise);
}

}  // namespace pipec::stdlib
