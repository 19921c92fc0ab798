#include "stdlib/formats/record_encoder.h"

#include <fmt/format.h>

#include <algorithm>

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Format;
using runtime::Record;

constexpr std::size_t kTranscodedBytes = std::size_t{128} << 10;  // a piece of next() ends after this many

}  // namespace

RecordEncoder::Piece RecordEncoder::next(const Batch& batch, std::size_t at) {
  const Record& record = batch.records[at];
  if (!goes_as_it_is(record)) return transcoded(batch, at, kTranscodedBytes);
  if (record.format == Format::json && !batch.block().single_lines) return one(batch, at);
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
  Piece piece = payload(batch, at);
  if (piece.line && !piece.failed && !batch.block().single_lines && has_line_break(piece.text))
    piece.text = in_one_line(piece.text);
  return piece;
}

RecordEncoder::Piece RecordEncoder::payload(const Batch& batch, std::size_t at) {
  const Record& record = batch.records[at];
  if (!goes_as_it_is(record)) return transcoded(batch, at, 0);
  Piece piece;
  piece.text = batch.payload(record);
  piece.format = record.format;
  piece.line = record.format == Format::json;
  return piece;
}

// Records that are all of another format, until there are `most` bytes or one fails.
RecordEncoder::Piece RecordEncoder::transcoded(const Batch& batch, std::size_t at, std::size_t most) {
  runtime::Buffer& out = *buffer_;
  out.clear();
  Piece piece;
  piece.line = target_->line;
  piece.format = target_->format;
  piece.records = 0;
  const Format format = batch.records[at].format;
  std::size_t end = 0;
  for (std::size_t i = at; i < batch.records.size() && batch.records[i].format == format; ++i) {
    const Record& record = batch.records[i];
    if (piece.line && i != at) out.append('\n');
    std::size_t place = 0;
    const char* const reason = target_->transcode(record, batch.payload(record), out, &place);
    if (reason && i == at) {
      reason_ = fmt::format("encode: {}: {} at byte {}", target_->name, reason, place);
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

// Line breaks between members are left out. Elsewhere, in text that nobody has checked, a space keeps apart
// what the line break did.
std::string_view RecordEncoder::in_one_line(std::string_view payload) {
  const auto is_break = [](char c) { return c == '\n' || c == '\r'; };
  const auto separates = [](char c) {
    return std::string_view("{}[],: \t").find(c) != std::string_view::npos;
  };
  line_.clear();
  for (std::size_t i = 0; i < payload.size(); ++i) {
    if (!is_break(payload[i])) {
      line_ += payload[i];
      continue;
    }
    while (i + 1 < payload.size() && is_break(payload[i + 1])) ++i;
    const bool between =
        line_.empty() || separates(line_.back()) || i + 1 == payload.size() || separates(payload[i + 1]);
    if (!between) line_ += ' ';
  }
  return line_;
}

}  // namespace pipec::stdlib
