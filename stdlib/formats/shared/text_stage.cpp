// Parses whole records: each becomes an object in a new buffer, or a field of a new record (`into`).
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pipec/runtime/json.h"
#include "pipec/runtime/utf8.h"
#include "stdlib/formats/on_error.h"
#include "stdlib/formats/shared/field_stage.h"
#include "stdlib/formats/shared/text_format.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Record;
using runtime::Result;
using runtime::Status;

// A record's place in a buffer has 32 bits.
constexpr std::size_t kFullBuffer = std::size_t{1} << 30;

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
}

// The records of one batch are checked at once where they can be.
class Utf8Check {
 public:
  explicit Utf8Check(const Batch& batch) : batch_(batch) {
    const bool received = std::all_of(batch.records.begin(), batch.records.end(),
                                      [](const Record& record) { return record.buffer == 0; });
    all_ = received && runtime::is_utf8(batch.buffers[0]->view());
  }
  // The length of the record's valid beginning.
  std::size_t valid(const Record& record) const {
    const std::string_view text = batch_.payload(record);
    // What was cut out of valid text is valid where no character was cut.
    const bool whole = text.empty() ||
                       (!continues_character(text.front()) && !continues_character(text.data()[text.size()]));
    if (all_ && whole) return text.size();
    return runtime::is_utf8(text) ? text.size() : runtime::valid_utf8_prefix(text);
  }

 private:
  const Batch& batch_;
  bool all_;
};

class TextStage final : public runtime::Stage {
 public:
  TextStage(runtime::OnError on_error, const runtime::RecordPath* into,
            std::unique_ptr<const TextFormat> format)
      : on_error_(on_error), format_(std::move(format)) {
    if (!into) return;
    runtime::BufferPool pool;
    const runtime::BufferRef text = pool.get(64);
    for (const runtime::PathSegment& segment : into->segments) {
      text->append('{');
      runtime::append_json_string(segment.key, *text);
      text->append(':');
      end_ += '}';
    }
    begin_ = text->view();
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override { return format_->make_scratch(); }

  Status process(Batch& batch, runtime::Scratch* scratch, runtime::StageContext& context) const override {
    if (batch.records.empty()) return {};
    if (Status ready = format_->begin(batch, scratch); !ready) return ready;
    const Utf8Check utf8(batch);
    const std::size_t most = context.output_allowance();
    std::uint16_t number = batch.add_buffer(batch.live_bytes() * 2);
    std::size_t written = 0;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      if (written >= most) {
        context.leave_rest(std::span(batch.records).subspan(i));
        break;
      }
      Record record = batch.records[i];
      if (format_->is_header(batch, record)) {
        context.count_filtered(1);
        continue;
      }
      if (batch.buffers[number]->size() > kFullBuffer) number = batch.add_buffer(kFullBuffer / 1024);
      runtime::Buffer& out = *batch.buffers[number];
      const std::size_t begin = out.size();
      if (Status parsed = append(batch, record, utf8, scratch, out, context); !parsed) return parsed;
      if (out.size() == begin) continue;
      record.buffer = number;
      record.begin = static_cast<std::uint32_t>(begin);
      record.size = static_cast<std::uint32_t>(out.size() - begin);
      record.format = runtime::Format::json;
      record.validated = true;
      out.append('\n');  // neighbours are written in one piece
      written += record.size;
      batch.records[kept++] = record;
    }
    batch.records.resize(kept);
    return {};
  }

 private:
  // Appends nothing where the record does not parse.
  Status append(const Batch& batch, const Record& record, const Utf8Check& utf8, runtime::Scratch* scratch,
                runtime::Buffer& out, runtime::StageContext& context) const {
    const std::string_view text = batch.payload(record);
    const std::size_t begin = out.size();
    std::size_t at = utf8.valid(record);
    std::string_view reason = "not UTF-8";
    if (at == text.size()) {
      out.append(begin_);
      reason = format_->parse(text, out, scratch, at);
      out.append(end_);
    }
    if (reason.empty()) return {};
    out.set_size(begin);
    const std::string said = at == kNowhere ? fmt::format("parse error: {}", reason)
                                            : fmt::format("parse error: {} at byte {}", reason, at);
    return runtime::reject(on_error_, batch, record, said, context);
  }

  const runtime::OnError on_error_;
  const std::unique_ptr<const TextFormat> format_;
  std::string begin_;  // of a record with `into`: `{"a":{"b":`
  std::string end_;
};

Status check_path(const runtime::RecordPath* path, std::string_view name) {
  if (!path) return {};
  const bool keys = std::all_of(path->segments.begin(), path->segments.end(), [](const auto& segment) {
    return segment.kind == runtime::PathSegment::Kind::key;
  });
  if (!path->segments.empty() && keys) return {};
  return runtime::Error::make(
      runtime::ErrorCode::option,
      fmt::format("'{}' is a field of the record, such as .{}", name, name == "from" ? "message" : "parsed"));
}

}  // namespace

std::vector<runtime::OptionSpec> text_format_options(std::vector<runtime::OptionSpec> own) {
  runtime::OptionSpec from;
  from.name = "from";
  from.kind = runtime::OptionSpec::Kind::path;
  from.doc =
      "parse this field, a string, instead of the whole record; it stays, and the result is merged into the "
      "record";
  runtime::OptionSpec into;
  into.name = "into";
  into.kind = runtime::OptionSpec::Kind::path;
  into.doc = "the field that gets the result; without `from` the record is an object of that field only";
  own.push_back(std::move(from));
  own.push_back(std::move(into));
  own.push_back(on_error_option());
  return own;
}

Result<std::unique_ptr<runtime::Stage>> make_text_stage(std::string_view name,
                                                        const runtime::Options& options,
                                                        std::unique_ptr<const TextFormat> format) {
  const runtime::RecordPath* const from = options.path("from");
  const runtime::RecordPath* const into = options.path("into");
  if (Status good = check_path(from, "from"); !good) return good.error();
  if (Status good = check_path(into, "into"); !good) return good.error();
  const runtime::OnError on_error = on_error_of(options);
  if (from) return make_field_stage(name, on_error, *from, into, std::move(format));
  return std::unique_ptr<runtime::Stage>(std::make_unique<TextStage>(on_error, into, std::move(format)));
}

}  // namespace pipec::stdlib
