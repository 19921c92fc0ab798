#include "compiler/report.h"

#include <utility>

namespace pipec::compiler {

dsl::Diagnostic& Report::add(dsl::Code code, dsl::Span span, std::string message) {
  std::string key;
  for (const std::uint32_t part : {static_cast<std::uint32_t>(code), span.file, span.begin, span.end}) {
    key += std::to_string(part);
    key += ' ';
  }
  const bool heard = sink_.error_count() - errors_before_ < kMaxErrors && seen_.insert(std::move(key)).second;
  if (!heard) {
    unheard_ = dsl::Diagnostic(code, {}, {});
    return unheard_;
  }
  dsl::Diagnostic& diagnostic = sink_.report(code, span, std::move(message));
  std::unordered_set<std::string> named;
  for (const auto& [at, name] : unset_) {
    const bool inside = at.file == span.file && at.begin >= span.begin && at.end <= span.end;
    if (inside && named.insert(name).second) {
      diagnostic.note("the environment variable " + name + " is not set");
    }
  }
  return diagnostic;
}

bool Report::unparsed(dsl::Span span) const {
  const auto found = files_.find(span.file);
  if (found == files_.end()) return true;  // the parser made the node up
  const std::string_view text = found->second->text();
  std::size_t end = span.end;
  while (end < text.size() && std::string_view(" \t\r\n").find(text[end]) != std::string_view::npos) ++end;
  for (const dsl::Diagnostic& each : sink_.all()) {
    const dsl::Span at = each.primary.span;
    if (at.file == span.file && at.begin >= span.begin && at.begin <= end &&
        dsl::code_text(each.code).starts_with("E01")) {
      return true;
    }
  }
  return false;
}

runtime::Place Report::place(dsl::Span span) const {
  const dsl::SourceFile& source = file(span.file);
  // Every expression gets a place, so the usual short line is counted here; locate() knows the rest.
  constexpr std::uint32_t kShort = 512;
  std::uint32_t line = 1;
  for (std::uint32_t end = source.line_count() + 1; end - line > 1;) {
    const std::uint32_t middle = line + (end - line) / 2;
    (source.line_start(middle) <= span.begin ? line : end) = middle;
  }
  const std::uint32_t start = source.line_start(line);
  // The first line may begin with a byte order mark.
  if (line == 1 || span.begin - start > kShort || span.begin > source.text().size()) {
    const dsl::Location location = source.locate(span.begin);
    return {source.name(), location.line, location.column};
  }
  std::uint32_t column = 1;
  for (const char c : source.text().substr(start, span.begin - start)) {
    if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) ++column;
  }
  return {source.name(), line, column};
}

std::string Report::line(dsl::Span span, std::size_t width) const {
  const std::string_view source = text(span);
  std::string result;
  std::size_t characters = 0;
  bool gap = false;
  bool quoted = false;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (!quoted && c == '#') {
      while (i + 1 < source.size() && source[i + 1] != '\n') ++i;
      gap = true;
      continue;
    }
    if (!quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
      gap = true;
      continue;
    }
    const bool begins = (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    if (begins && characters + (gap ? 2 : 1) > width) {
      result += "...";
      return result;
    }
    if (gap && !result.empty()) {
      result += ' ';
      ++characters;
    }
    gap = false;
    if (c == '"') quoted = !quoted;
    if (c == '\\' && quoted && i + 1 < source.size()) {
      result += c;
      ++i;
      characters += 1;
    }
    result += source[i];
    if (begins) ++characters;
  }
  return result;
}

}  // namespace pipec::compiler
