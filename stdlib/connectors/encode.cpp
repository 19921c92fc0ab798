#include "stdlib/connectors/encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Format;
using runtime::Record;

constexpr std::size_t kTranscodedBytes = std::size_t{128} << 10;  // a piece of next() ends behind them

bool has_line_break(std::string_view text) {
  return text.find_first_of("\n\r") != std::string_view::npos;
}

// The record's value with its top level at hand; nullopt: it has none.
std::optional<runtime::Value> value_of(const Record& record, std::string_view payload) {
  if (record.format == Format::msgpack) return runtime::read_msgpack(payload);
  constexpr std::string_view kWhite = " \t\r\n";
  const std::size_t begin = payload.find_first_not_of(kWhite);
  const std::size_t end = payload.find_last_not_of(kWhite);
  if (begin == std::string_view::npos) return std::nullopt;
  return runtime::read_json(payload.substr(begin, end - begin + 1));
}

}  // namespace

runtime::OptionSpec encode_option() {
  runtime::OptionSpec option;
  option.name = "encode";
  option.kind = runtime::OptionSpec::Kind::choice;
  option.choices = {"json", "msgpack", "text"};
  option.refusals = {{"msgpack", "a number beyond 64 bits"}, {"text", "no string in .message"}};
  option.doc = "json, msgpack: the record; text: its .message; without it, each record in its own format";
  return option;
}

Encoding encoding_of(const runtime::Options& options) {
  const std::string_view name = options.string("encode");
  if (name == "json") return Encoding::json;
  if (name == "msgpack") return Encoding::msgpack;
  return name == "text" ? Encoding::text : Encoding::own;
}

RecordEncoder::Piece RecordEncoder::next(const Batch& batch, std::size_t at) {
  const Format format = batch.records[at].format;
  if (encoding_ == Encoding::text) return one(batch, at);
  if ((encoding_ == Encoding::json && format == Format::msgpack) ||
      (encoding_ == Encoding::msgpack && format == Format::json)) {
    return transcoded(batch, at, kTranscodedBytes);
  }
  if (format == Format::json && !batch.block().single_lines) return one(batch, at);
  return neighbours(batch, at);
}

RecordEncoder::Piece RecordEncoder::neighbours(const Batch& batch, std::size_t at) const {
  const Record& first = batch.records[at];
  const runtime::Buffer& buffer = *batch.buffers[first.buffer];
  const char* const data = buffer.data();
  const bool lines = first.format == Format::json;
  std::size_t end = first.begin + first.size;
  std::size_t i = at + 1;
  for (; i < batch.records.size(); ++i) {
    const Record& record = batch.records[i];
    if (record.buffer != first.buffer || record.format != first.format) break;
    if (lines ? record.begin != end + 1 || data[end] != '\n' : record.begin != end) break;
    end = record.begin + record.size;
  }
  Piece piece;
  piece.text = {data + first.begin, end - first.begin};
  piece.records = i - at;
  piece.format = first.format;
  piece.line = lines;
  piece.newline_follows = lines && end < buffer.size() && data[end] == '\n';
  return piece;
}

RecordEncoder::Piece RecordEncoder::one(const Batch& batch, std::size_t at) {
  const std::string_view payload = batch.payload(batch.records[at]);
  if (encoding_ == Encoding::text) return message(batch.records[at], payload, true);
  Piece piece = this->payload(batch, at);
  if (piece.line && !piece.failed && !batch.block().single_lines && has_line_break(piece.text))
    piece.text = in_one_line(piece.text);
  return piece;
}

RecordEncoder::Piece RecordEncoder::payload(const Batch& batch, std::size_t at) {
  const Record& record = batch.records[at];
  if (encoding_ == Encoding::text) return message(record, batch.payload(record), false);
  const Format wanted = encoding_ == Encoding::own    ? record.format
                        : encoding_ == Encoding::json ? Format::json
                                                      : Format::msgpack;
  if (wanted != record.format) return transcoded(batch, at, 0);
  Piece piece;
  piece.text = batch.payload(record);
  piece.format = wanted;
  piece.line = wanted == Format::json;
  return piece;
}

// Records that are all of the other format, until there are `most` bytes or one fails.
RecordEncoder::Piece RecordEncoder::transcoded(const Batch& batch, std::size_t at, std::size_t most) {
  runtime::Buffer& out = *buffer_;
  out.clear();
  Piece piece;
  piece.line = encoding_ == Encoding::json;
  piece.format = piece.line ? Format::json : Format::msgpack;
  piece.records = 0;
  const Format format = batch.records[at].format;
  std::size_t end = 0;
  for (std::size_t i = at; i < batch.records.size() && batch.records[i].format == format; ++i) {
    const Record& record = batch.records[i];
    if (piece.line && i != at) out.append('\n');
    std::size_t place = 0;
    const char* const reason =
        piece.line ? runtime::msgpack_to_json(batch.payload(record), record.validated, out, &place)
                   : runtime::json_to_msgpack(batch.payload(record), out, &place);
    if (reason && i == at) {
      reason_ = fmt::format("encode: {}: {} at byte {}", piece.line ? "json" : "msgpack", reason, place);
      piece.failed = reason_.c_str();
      piece.records = 1;
      return piece;
    }
    if (reason) break;
    end = out.size();
    ++piece.records;
    if (end >= most) break;
  }
  piece.text = out.view().substr(0, end);
  return piece;
}

std::string_view RecordEncoder::in_one_line(std::string_view payload) {
  line_.assign(payload);
  std::replace(line_.begin(), line_.end(), '\n', ' ');
  std::replace(line_.begin(), line_.end(), '\r', ' ');
  return line_;
}

RecordEncoder::Piece RecordEncoder::message(const Record& record, std::string_view payload, bool in_line) {
  arena_.reset();
  Piece piece;
  const auto value = value_of(record, payload);
  if (!value || value->type() != runtime::Type::object) {
    piece.failed = "encode: text needs an object with .message";
    return piece;
  }
  const runtime::Found found = runtime::find_member(*value, "message", arena_);
  if (found.bad) {
    piece.failed = "encode: text: the record is malformed";
  } else if (!found.found || found.value.type() != runtime::Type::string) {
    piece.failed =
        found.found ? "encode: text: .message is no string" : "encode: text: the record has no .message";
  } else {
    piece.text = runtime::decode_string(found.value, arena_);
  }
  if (piece.failed || !in_line || !has_line_break(piece.text)) return piece;
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
