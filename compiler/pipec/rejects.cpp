#include "compiler/pipec/rejects.h"

#include <utility>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/json.h"

namespace pipec::cli {
namespace {

constexpr std::size_t kShownBytes = 120;

// The text's beginning on one line: control characters, which could steer a terminal, become '?'. Ends on a
// character.
std::string shortened(std::string_view text) {
  const bool cut = text.size() > kShownBytes;
  if (cut) {
    std::size_t end = kShownBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text = text.substr(0, end);
  }
  std::string shown;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool c1 = byte == 0xC2U && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0U;
    if (byte < 0x20U || byte == 0x7FU || c1) {
      shown += '?';
      if (c1) ++at;
    } else {
      shown += text[at];
    }
  }
  return cut ? shown + "..." : shown;
}

std::string original_of(std::string_view dead_letter) {
  runtime::Arena arena;
  const auto letter = runtime::read_json(dead_letter);
  if (!letter || letter->type() != runtime::Type::object) return {};
  const runtime::Value original = runtime::find_member(*letter, "original", arena).value;
  if (original.type() != runtime::Type::string) return {};
  return std::string(runtime::decode_string(original, arena));
}

class RejectSink : public runtime::Sink {
 public:
  RejectSink(Console& console, Rejects& rejects, const InputSample* sample)
      : console_(console), rejects_(rejects), sample_(sample) {}

  runtime::Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    std::string lines;
    for (const runtime::Record& record : batch.records) {
      const std::string_view letter = batch.payload(record);
      const bool part = sample_ && sample_->begins_with_a_part() && is_part_of_a_value(original_of(letter));
      if (part && rejects_.parts++ != 0) continue;
      lines += reject_line(letter) + "\n";
    }
    rejects_.all += batch.records.size();
    if (!lines.empty()) console_.text(lines);
    return {};
  }

 private:
  Console& console_;
  Rejects& rejects_;
  const InputSample* const sample_;
};

}  // namespace

std::string reject_line(std::string_view dead_letter) {
  runtime::Arena arena;
  const auto letter = runtime::read_json(dead_letter);
  const auto field = [&](std::string_view name) -> runtime::Value {
    if (!letter || letter->type() != runtime::Type::object) return {};
    return runtime::find_member(*letter, name, arena).value;
  };
  const auto text = [&](std::string_view name) -> std::string_view {
    const runtime::Value value = field(name);
    return value.type() == runtime::Type::string ? runtime::decode_string(value, arena) : std::string_view();
  };
  const std::string_view source = text("source");
  std::string line = "error: " + (source.empty() ? std::string("stdin") : shortened(source));
  if (const runtime::Value position = field("position"); !position.is_null()) {
    line += " at " + std::string(position.number_text());
  }
  line += ": ";
  line += text("stage");
  line += ": " + shortened(text("reason")) + ": ";
  if (text("encoding") == "base64") line += "(base64) ";
  return line + shortened(text("original"));
}

std::unique_ptr<runtime::Sink> make_reject_sink(Console& console, Rejects& rejects,
                                                const InputSample* sample) {
  return std::make_unique<RejectSink>(console, rejects, sample);
}

}  // namespace pipec::cli
