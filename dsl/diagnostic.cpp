#include "pipec/dsl/diagnostic.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace pipec::dsl {

namespace {

struct CodeEntry {
  std::string_view text, name, explanation;
};

constexpr std::array kCodes = {
#define PIPEC_DIAGNOSTIC(code, name, explanation) CodeEntry{#code, #name, explanation},
#include "pipec/dsl/diagnostics.def"
#undef PIPEC_DIAGNOSTIC
};

const CodeEntry& entry(Code code) {
  return kCodes[static_cast<std::size_t>(code)];
}

}  // namespace

std::string_view code_text(Code code) {
  return entry(code).text;
}
std::string_view code_name(Code code) {
  return entry(code).name;
}
std::string_view code_explanation(Code code) {
  return entry(code).explanation;
}

Severity code_severity(Code code) {
  return entry(code).text.front() == 'W' ? Severity::kWarning : Severity::kError;
}

std::vector<Code> all_codes() {
  std::vector<Code> codes;
  for (std::size_t i = 0; i < kCodes.size(); ++i) codes.push_back(static_cast<Code>(i));
  return codes;
}

namespace {

// Messages quote the program, whose words may be megabytes long: keeps only the beginning and the end of a
// long one.
std::string bounded(std::string text) {
  constexpr std::size_t kLongest = 1000;
  constexpr std::size_t kKept = 400;
  if (text.size() <= kLongest) return text;
  const auto continues = [&text](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  std::size_t head = kKept;
  while (head > 0 && continues(head)) --head;
  std::size_t tail = text.size() - kKept;
  while (tail < text.size() && continues(tail)) ++tail;
  return text.substr(0, head) + "..." + text.substr(tail);
}

}  // namespace

Diagnostic::Diagnostic(Code code_, Span span, std::string message_)
    : severity(code_severity(code_)), code(code_), message(bounded(std::move(message_))), primary{span, {}} {}

Diagnostic& Diagnostic::label(std::string text) {
  primary.text = bounded(std::move(text));
  return *this;
}

Diagnostic& Diagnostic::also(Span span, std::string text) {
  secondary.push_back({span, bounded(std::move(text))});
  return *this;
}

Diagnostic& Diagnostic::note(std::string text) {
  notes.push_back(bounded(std::move(text)));
  return *this;
}

// An empty hint is ignored, so that the result of did_you_mean() can be passed directly.
Diagnostic& Diagnostic::hint(std::string text) {
  if (!text.empty()) hints.push_back(bounded(std::move(text)));
  return *this;
}

Diagnostic& DiagnosticSink::report(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::kError) ++errors_;
  diagnostics_.push_back(std::move(diagnostic));
  return diagnostics_.back();
}

void DiagnosticSink::drop_warnings() {
  std::erase_if(diagnostics_, [](const Diagnostic& each) { return each.severity == Severity::kWarning; });
}

void DiagnosticSink::sort_by_place() {
  auto place = [](const Diagnostic& d) { return std::tuple(d.primary.span.file, d.primary.span.begin); };
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return place(a) < place(b); });
}

}  // namespace pipec::dsl
