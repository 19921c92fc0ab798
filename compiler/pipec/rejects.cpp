#include "compiler/pipec/rejects.h"

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

class RejectSink : public runtime::Sink {
 public:
  RejectSink(Console& console, std::atomic<std::uint64_t>& count) : console_(console), count_(count) {}

  runtime::Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    std::string lines;
    for (const runtime::Record& record : batch.records) lines += reject_line(batch.payload(record)) + "\n";
    count_ += batch.records.size();
    if (!lines.empty()) console_.text(lines);
    return {};
  }

 private:
  Console& console_;
  std::atomic<std::uint64_t>& count_;
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

std::unique_ptr<runtime::Sink> make_reject_sink(Console& console, std::atomic<std::uint64_t>& count) {
  return std::make_unique<RejectSink>(console, count);
}

}  // namespace pipec::cli
