#include "stdlib/connectors/encode.h"

#include <algorithm>
#include <optional>

#include "pipec/runtime/json.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Record;

bool has_line_break(std::string_view text) {
  return text.find_first_of("\n\r") != std::string_view::npos;
}

}  // namespace

runtime::OptionSpec encode_option() {
  runtime::OptionSpec option;
  option.name = "encode";
  option.kind = runtime::OptionSpec::Kind::choice;
  option.choices = {"json", "text"};
  option.fallback = runtime::Value::string("json");
  option.doc = "json: the record; text: its .message";
  return option;
}

Encoding encoding_of(const runtime::Options& options) {
  return options.string("encode", "json") == "text" ? Encoding::text : Encoding::json;
}

LineEncoder::Piece LineEncoder::next(const Batch& batch, std::size_t at) {
  if (encoding_ == Encoding::text || !batch.block().single_lines) return one(batch, at);
  const Record& first = batch.records[at];
  const runtime::Buffer& buffer = *batch.buffers[first.buffer];
  const char* const data = buffer.data();
  std::size_t end = first.begin + first.size;
  std::size_t i = at + 1;
  for (; i < batch.records.size(); ++i) {
    const Record& record = batch.records[i];
    if (record.buffer != first.buffer || record.begin != end + 1 || data[end] != '\n') break;
    end = record.begin + record.size;
  }
  Piece piece;
  piece.text = {data + first.begin, end - first.begin};
  piece.records = i - at;
  piece.newline_follows = end < buffer.size() && data[end] == '\n';
  return piece;
}

LineEncoder::Piece LineEncoder::one(const Batch& batch, std::size_t at) {
  const std::string_view payload = batch.payload(batch.records[at]);
  if (encoding_ == Encoding::text) return message(payload);
  Piece piece;
  const bool to_cut = framing_ == Framing::lines && !batch.block().single_lines && has_line_break(payload);
  piece.text = to_cut ? in_one_line(payload) : payload;
  return piece;
}

std::string_view LineEncoder::in_one_line(std::string_view payload) {
  line_.assign(payload);
  std::replace(line_.begin(), line_.end(), '\n', ' ');
  std::replace(line_.begin(), line_.end(), '\r', ' ');
  return line_;
}

LineEncoder::Piece LineEncoder::message(std::string_view payload) {
  arena_.reset();
  Piece piece;
  constexpr std::string_view kWhite = " \t\r\n";
  const std::size_t begin = payload.find_first_not_of(kWhite);
  const std::size_t end = payload.find_last_not_of(kWhite);
  const auto record = begin == std::string_view::npos
                          ? std::optional<runtime::Value>()
                          : runtime::read_json(payload.substr(begin, end - begin + 1));
  if (!record || record->type() != runtime::Type::object) {
    piece.failed = "encode: text needs an object with .message";
    return piece;
  }
  const runtime::Found found = runtime::find_member(*record, "message", arena_);
  if (found.bad) {
    piece.failed = "encode: text: the record is malformed";
  } else if (!found.found || found.value.type() != runtime::Type::string) {
    piece.failed =
        found.found ? "encode: text: .message is no string" : "encode: text: the record has no .message";
  } else {
    piece.text = runtime::decode_string(found.value, arena_);
  }
  if (piece.failed || framing_ == Framing::messages || !has_line_break(piece.text)) return piece;
  line_.clear();
  for (const char c : piece.text) {
    if (c == '\n' || c == '\r') {
      line_.append(c == '\n' ? "\\n" : "\\r");
    } else {
      line_.push_back(c);
    }
  }
  piece.text = line_;
  return piece;
}

}  // namespace pipec::stdlib
