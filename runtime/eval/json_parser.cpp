#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/utf8.h"
#include "runtime/json/kernel.h"
#include "runtime/json/layouts.h"
#include "runtime/record/outline.h"

namespace pipec::runtime {

namespace {

// After lines that are not flat, this many records are checked one by one.
constexpr std::size_t kTakenAlone = 32;
// If the members are recorded too, ranges are short, so that their bytes are still in the cache.
constexpr std::size_t kShort = std::size_t{32} << 10;

class ParserScratch final : public Scratch {
 public:
  json::Layouts layouts{FieldSet()};
  record::Offsets operators;
  record::OutlineWriter outline;
  bool leaves = false;  // the outline, of this batch
};

// Nothing is built; later stages read fields from the same bytes. Lines that follow each other and are flat
// are validated in one pass, all others one by one.
class JsonParser final : public Stage {
 public:
  explicit JsonParser(OnError on_error) : on_error_(on_error), kernel_(json::best_kernel()) {}

  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<ParserScratch>(); }

  Status process(Batch& batch, Scratch* scratch, StageContext& context) const override {
    auto& own = *static_cast<ParserScratch*>(scratch);
    own.leaves = own.outline.begin(batch, context);
    std::size_t kept = 0;
    std::size_t next_stretch = 0;
    for (std::size_t i = 0; i < batch.records.size();) {
      std::size_t valid = 0;
      if (i >= next_stretch) {
        valid = valid_lines(batch, std::span(batch.records).subspan(i), own);
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
    if (own.leaves) own.outline.give(batch);
    return {};
  }

 private:
  // How many records from the first on are known to be valid, without looking at each.
  std::size_t valid_lines(const Batch& batch, std::span<const Record> records, ParserScratch& own) const {
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
      if (own.leaves && end - first.begin >= kShort) break;
    }
    if (count < 2) return 0;
    bool ascii = false;
    std::size_t operators = 0;
    const std::size_t stop =
        kernel_.valid_flat(text, first.begin, end, &ascii, own.leaves ? &own.operators : nullptr, &operators);
    if (stop != end) {
      while (count > 0 && records[count - 1].begin + std::size_t{records[count - 1].size} + 2 > stop) --count;
      if (count == 0) return 0;
      end = records[count - 1].begin + records[count - 1].size;
    }
    if (!ascii && !is_utf8_by_blocks({text + first.begin, end - first.begin})) return 0;
    if (own.leaves) leave_outline(text, records.first(count), operators, own);
    return count;
  }

  // All of them are flat, and all their operators are available.
  static void leave_outline(const char* text, std::span<const Record> records, std::size_t operators,
                            ParserScratch& own) {
    const std::uint32_t* const all = own.operators.data();
    const std::uint32_t base = own.outline.add_members({all, operators});
    if (base == 0) return;
    std::size_t at = 0;
    for (const Record& record : records) {
      const std::uint32_t end = record.begin + record.size;
      if (const record::Layout* const layout = own.layouts.find(text, end, all + at, operators - at)) {
        own.outline.add_row(*layout, record, base + static_cast<std::uint32_t>(at), false);
        at += layout->leads.size() * 2 + 1;
      } else {
        while (at < operators && all[at] < end) ++at;
      }
    }
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
