#include "dsl/unicode.h"
#include "pipec/dsl/render.h"

namespace pipec::dsl {

namespace {

void put_string(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    auto c = decode_utf8(text, i);
    if (!c.valid) {
      out += "\\ufffd";
    } else if (c.code_point == '"' || c.code_point == '\\') {
      out += '\\';
      out += text[i];
    } else if (c.code_point < 0x20) {
      out += "\\u00";
      out += kHex[c.code_point >> 4];
      out += kHex[c.code_point & 15];
    } else {
      out += text.substr(i, c.bytes);
    }
    i += c.bytes;
  }
  out += '"';
}

void put_place(std::string& out, const SourceFile& file, std::uint32_t offset) {
  Location at = file.locate(offset);
  out += "{\"line\":" + std::to_string(at.line) + ",\"column\":" + std::to_string(at.column) +
         ",\"offset\":" + std::to_string(offset) + "}";
}

void put_span(std::string& out, const SourceMap& sources, Span span) {
  const SourceFile& file = sources.get(span.file);
  out += "\"file\":";
  put_string(out, file.name());
  out += ",\"start\":";
  put_place(out, file, span.begin);
  out += ",\"end\":";
  put_place(out, file, span.end);
}

void put_strings(std::string& out, const char* name, const std::vector<std::string>& texts) {
  out += std::string(",\"") + name + "\":[";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    put_string(out, texts[i]);
  }
  out += ']';
}

void put(std::string& out, const SourceMap& sources, const Diagnostic& diagnostic) {
  out += std::string("{\"severity\":\"") + (diagnostic.severity == Severity::kError ? "error" : "warning");
  out += "\",\"code\":\"";
  out += code_text(diagnostic.code);
  out += "\",\"name\":\"";
  out += code_name(diagnostic.code);
  out += "\",\"message\":";
  put_string(out, diagnostic.message);
  out += ',';
  put_span(out, sources, diagnostic.primary.span);
  out += ",\"label\":";
  put_string(out, diagnostic.primary.text);
  out += ",\"related\":[";
  for (std::size_t i = 0; i < diagnostic.secondary.size(); ++i) {
    out += i > 0 ? ",{" : "{";
    put_span(out, sources, diagnostic.secondary[i].span);
    out += ",\"label\":";
    put_string(out, diagnostic.secondary[i].text);
    out += '}';
  }
  out += ']';
  put_strings(out, "notes", diagnostic.notes);
  put_strings(out, "hints", diagnostic.hints);
  out += '}';
}

}  // namespace

std::string render_json(const std::vector<Diagnostic>& diagnostics, const SourceMap& sources) {
  std::string out = "[";
  for (std::size_t i = 0; i < diagnostics.size(); ++i) {
    out += i > 0 ? ",\n" : "\n";
    put(out, sources, diagnostics[i]);
  }
  out += diagnostics.empty() ? "]\n" : "\n]\n";
  return out;
}

}  // namespace pipec::dsl
