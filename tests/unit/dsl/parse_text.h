// Parsing in one line of a test.
#pragma once

#include <string>
#include <string_view>

#include "pipec/dsl/dump.h"
#include "pipec/dsl/format.h"
#include "pipec/dsl/parser.h"
#include "pipec/dsl/render.h"

namespace pipec::dsl::testing {

// A text with what its parse gave. Names nothing outside itself.
struct Parsed {
  explicit Parsed(std::string text, std::string name = "in.pipe")
      : file(sources.add(std::move(name), std::move(text))) {
    result = parse(file, sink);
  }
  // "E0110 1:5, E0111 2:1": codes and where they are.
  std::string errors() const {
    std::string out;
    for (const Diagnostic& d : sink.all()) {
      Location at = sources.locate(d.primary.span);
      out += (out.empty() ? "" : ", ") + std::string(code_text(d.code)) + ' ' + std::to_string(at.line) +
             ':' + std::to_string(at.column);
    }
    return out;
  }
  std::string rendered() const { return render_text(sink.all(), sources); }
  std::string dumped() const { return dump(result.file); }

  SourceMap sources;
  DiagnosticSink sink;
  const SourceFile& file;
  ParseResult result;
};

inline std::string errors_of(std::string text) {
  return Parsed(std::move(text)).errors();
}
inline std::string dump_of(std::string text) {
  Parsed parsed(std::move(text));
  return parsed.result.ok ? parsed.dumped() : parsed.rendered();
}

// An expression's dump, or the codes of its errors.
inline std::string expr(std::string text) {
  SourceMap sources;
  DiagnosticSink sink;
  auto result = parse_expression(sources.add("in.pipe", std::move(text)), sink);
  if (result.ok) return dump(*result.expression);
  std::string codes;
  for (const Diagnostic& d : sink.all()) codes += (codes.empty() ? "" : " ") + std::string(code_text(d.code));
  return codes;
}

// The first hint of the only error (or its label, if it has no hint), to check that it names the likely fix.
inline std::string hint_of(std::string text) {
  Parsed parsed(std::move(text));
  if (parsed.sink.all().size() != 1) return parsed.errors();
  const Diagnostic& d = parsed.sink.all().front();
  return d.hints.empty() ? d.primary.text : d.hints.front();
}

inline std::string formatted(std::string text) {
  SourceMap sources;
  DiagnosticSink sink;
  auto result = format(sources.add("in.pipe", std::move(text)), sink);
  return result ? *result : render_text(sink.all(), sources);
}

}  // namespace pipec::dsl::testing
