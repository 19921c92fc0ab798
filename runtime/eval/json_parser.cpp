#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "runtime/json/kernel.h"
#include "runtime/json/utf8.h"

namespace pipec::runtime {

namespace {

// Where a stretch of lines turned out not to be flat, so many records are looked at one by one.
constexpr std::size_t kTakenAlone = 32;

// Nothing is built; later stages read fields from the same bytes. Lines that follow each other and are flat
// are validated in one pass, all others one by one.
class JsonParser final : public Stage {
 public:
  explicit JsonParser(OnError on_error) : on_error_(on_error), kernel_(json::best_kernel()) {}

  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    std::size_t kept = 0;
    std::size_t next_stretch = 0;
    for (std::size_t i = 0; i < batch.records.size();) {
      std::size_t valid = 0;
      if (i >= next_stretch) {
        valid = valid_lines(batch, std::span(batch.records).subspan(i));
        for (std::size_t k = 0; k < valid; ++k) {
          Record record = batch.records[i + k];
          record.validated = true;
          batch.records[kept++] = record;
        }
        i += valid;
        next_stretch = i + (valid < kTakenAlone ? kTakenAlone : 1);
        if (i == batch.records.size()) break;
      }
      Record record = batch.records[i++];
      bool good = false;
      if (Status status = check(batch, record, context, good); !status) return status;
      if (good) batch.records[kept++] = record;
    }
    batch.records.resize(kept);
    return {};
  }

 private:
  // How many records from the first on are known to be valid, without looking at each.
  std::size_t valid_lines(const Batch& batch, std::span<const Record> records) const {
    const Record& first = records.front();
    const char* const text = batch.buffers[first.buffer]->data();
    std::size_t count = 0;
    std::uint32_t end = first.begin;
    for (const Record& record : records) {
      const bool follows = count == 0 || (record.begin == end + 1 && text[end] == '\n');
      if (!follows || record.buffer != first.buffer || record.format != Format::json || record.size < 2 ||
          text[record.begin] != '{' || text[record.begin + record.size - 1] != '}') {
        break;
      }
      end = record.begin + record.size;
      ++count;
    }
    if (count < 2) return 0;
    bool ascii = false;
    const std::size_t stop = kernel_.valid_flat(text, first.begin, end, &ascii);
    if (stop != end) {
      while (count > 0 && records[count - 1].begin + std::size_t{records[count - 1].size} + 2 > stop) --count;
      if (count == 0) return 0;
      end = records[count - 1].begin + records[count - 1].size;
    }
    return ascii || json::valid_utf8({text + first.begin, end - first.begin}) ? count : 0;
  }

  Status check(const Batch& batch, Record& record, StageContext& context, bool& good) const {
    good = true;
    if (record.validated && record.format == Format::json) return {};
    record.format = Format::json;  // whatever a stage before took it for
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (batch.payload(record).starts_with(kByteOrderMark)) {
      record.begin += 3;
      record.size -= 3;
    }
    std::size_t at = 0;
    if (const char* reason = validate_json(batch.payload(record), &at)) {
      good = false;
      const std::string text = std::string("parse error: ") + reason + " at byte " + std::to_string(at);
      return reject(on_error_, batch, record, text, context);
    }
    record.validated = true;
    return {};
  }

  const OnError on_error_;
  const json::Kernel& kernel_;
};

}  // namespace

std::unique_ptr<Stage> make_json_parser(OnError on_error) {
  return std::make_unique<JsonParser>(on_error);
}

}  // namespace pipec::runtime
