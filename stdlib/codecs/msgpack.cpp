// parse msgpack: the complete check of every record; parse auto: this or that of JSON, by the first byte.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "stdlib/codecs/on_error.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Format;
using runtime::Record;
using runtime::Status;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Why the record, taken as its format, does not parse; null: it does.
const char* check(const Batch& batch, const Record& record, std::size_t* at) {
  const std::string_view payload = batch.payload(record);
  return record.format == Format::json ? runtime::validate_json(payload, at)
                                       : runtime::validate_msgpack(payload, at);
}

// `{`, `[`, white space and a byte order mark begin JSON; maps and arrays of more than one byte begin
// MsgPack.
std::optional<Format> format_by_first_byte(std::string_view payload) {
  if (payload.empty()) return std::nullopt;
  const auto first = static_cast<unsigned char>(payload.front());
  if (std::string_view("{[ \t\r\n").find(payload.front()) != std::string_view::npos) return Format::json;
  if (payload.starts_with(kByteOrderMark)) return Format::json;
  if ((first >= 0x80 && first <= 0x9f) || (first >= 0xdc && first <= 0xdf)) return Format::msgpack;
  return std::nullopt;
}

// Nothing is built; later stages read fields from the same bytes.
class BinaryParser final : public runtime::Stage {
 public:
  BinaryParser(runtime::OnError on_error, bool by_first_byte)
      : on_error_(on_error), by_first_byte_(by_first_byte) {}

  Status process(Batch& batch, runtime::Scratch*, runtime::StageContext& context) const override {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      Record record = batch.records[i];
      if (!is_done(batch, record)) {
        const char* reason = "neither a JSON nor a MsgPack object or array";
        std::size_t at = 0;
        if (recognise(batch, record)) reason = check(batch, record, &at);
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
  // Parsed before, or a Kafka record without a payload, which stays what it is.
  bool is_done(const Batch& batch, const Record& record) const {
    if (record.validated && (by_first_byte_ || record.format == Format::msgpack)) return true;
    const runtime::Metadata* metadata = batch.metadata_of(record);
    return metadata && metadata->null_payload && batch.payload(record) == "null";
  }

  // Sets the record's format; false: nobody knows it.
  bool recognise(const Batch& batch, Record& record) const {
    record.validated = false;
    if (!by_first_byte_) {
      record.format = Format::msgpack;
      return true;
    }
    const auto format = format_by_first_byte(batch.payload(record));
    if (!format) return false;
    record.format = *format;
    if (batch.payload(record).starts_with(kByteOrderMark)) {
      record.begin += static_cast<std::uint32_t>(kByteOrderMark.size());
      record.size -= static_cast<std::uint32_t>(kByteOrderMark.size());
    }
    return true;
  }

  const runtime::OnError on_error_;
  const bool by_first_byte_;
};

void add(runtime::Registry& registry, std::string name, std::string doc, bool by_first_byte) {
  runtime::ParserSpec spec;
  spec.name = std::move(name);
  spec.doc = std::move(doc);
  spec.options = {on_error_option()};
  spec.make =
      [by_first_byte](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return std::unique_ptr<runtime::Stage>(
        std::make_unique<BinaryParser>(on_error_of(options), by_first_byte));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace

void register_msgpack_parsers(runtime::Registry& registry) {
  add(registry, "msgpack", "Checks that each record is one MsgPack value, completely", false);
  add(registry, "auto",
      "As json or msgpack, by each record's first byte: `{`, `[`, white space, or a map or array", true);
}

}  // namespace pipec::stdlib
