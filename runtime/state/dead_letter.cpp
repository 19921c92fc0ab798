// The one encoding of dead letters. A line is always valid JSON and always one line: bytes that are not UTF-8
// are base64.
#include <string>
#include <string_view>

#include "pipec/runtime/json.h"
#include "pipec/runtime/stage.h"
#include "pipec/runtime/utf8.h"
#include "runtime/base64.h"

namespace pipec::runtime {

namespace {

void append_name(std::string_view name, Buffer& out) {
  out.append(name == "original" ? '{' : ',');
  out.append('"');
  out.append(name);
  out.append("\":");
}

// Keys and headers are any bytes: a string where they are UTF-8, else {"base64": "..."}.
void append_bytes(std::string_view bytes, Buffer& out) {
  if (is_utf8(bytes)) return append_json_string(bytes, out);
  out.append("{\"base64\":\"");
  append_base64(bytes, out);
  out.append("\"}");
}

void append_timestamp(std::int64_t nanoseconds, Buffer& out) {
  char text[40];
  const std::size_t length = format_timestamp(nanoseconds, text);
  out.append('"');
  out.append(std::string_view{text, length});
  out.append('"');
}

// A list, since names may repeat and their order counts.
void append_headers(const std::vector<Header>& headers, Buffer& out) {
  out.append('[');
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (i != 0) out.append(',');
    out.append("{\"name\":");
    append_bytes(headers[i].name, out);
    out.append(",\"value\":");
    if (headers[i].value) {
      append_bytes(*headers[i].value, out);
    } else {
      out.append("null");
    }
    out.append('}');
  }
  out.append(']');
}

}  // namespace

void write_dead_letter(const Block& block, const DeadLetter& letter, std::int64_t unix_nanoseconds,
                       Buffer& out) {
  const std::string_view original = block.original(letter.origin);
  const bool text = block.format == Format::json && is_utf8(original);
  append_name("original", out);
  if (text) {
    append_json_string(original, out);
  } else {
    out.append('"');
    append_base64(original, out);
    out.append('"');
  }
  append_name("encoding", out);
  out.append(text ? "\"utf-8\"" : "\"base64\"");
  append_name("reason", out);
  append_json_string(printable_utf8(letter.reason), out);
  append_name("stage", out);
  append_json_string(printable_utf8(letter.stage), out);
  append_name("place", out);
  append_json_string(printable_utf8(letter.place.to_string()), out);
  append_name("source", out);
  append_bytes(block.source.empty() ? block.topic : block.source, out);
  append_name("partition", out);
  out.append(std::to_string(block.partition));
  append_name("position", out);
  out.append(std::to_string(block.position(letter.origin)));

  const Metadata* metadata = block.metadata.empty() ? nullptr : &block.metadata[letter.origin];
  append_name("key", out);
  if (metadata && metadata->key) {
    append_bytes(*metadata->key, out);
  } else {
    out.append("null");
  }
  append_name("headers", out);
  append_headers(metadata ? metadata->headers : std::vector<Header>{}, out);
  append_name("time", out);
  append_timestamp(unix_nanoseconds, out);
  if (metadata && metadata->timestamp) {
    append_name("timestamp", out);  // the record's own
    append_timestamp(*metadata->timestamp, out);
  }
  out.append('}');
}

}  // namespace pipec::runtime
