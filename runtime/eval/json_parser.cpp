#include <memory>
#include <string>
#include <string_view>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"

namespace pipec::runtime {

namespace {

// Nothing is built; later stages read fields from the same bytes.
class JsonParser final : public Stage {
 public:
  explicit JsonParser(OnError on_error) : on_error_(on_error) {}

  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      Record record = batch.records[i];
      if (!record.validated || record.format != Format::json) {
        record.format = Format::json;  // whatever a stage before took it for
        constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
        if (batch.payload(record).starts_with(kByteOrderMark)) {
          record.begin += 3;
          record.size -= 3;
        }
        std::size_t at = 0;
        if (const char* reason = validate_json(batch.payload(record), &at)) {
          const std::string text = std::string("parse error: ") + reason + " at byte " + std::to_string(at);
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
  const OnError on_error_;
};

}  // namespace

std::unique_ptr<Stage> make_json_parser(OnError on_error) {
  return std::make_unique<JsonParser>(on_error);
}

}  // namespace pipec::runtime
