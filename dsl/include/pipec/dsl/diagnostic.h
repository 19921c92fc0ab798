// Compiler diagnostics. Phases report to a DiagnosticSink and continue; render.h turns the collected
// diagnostics into text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/dsl/source.h"

namespace pipec::dsl {

enum class Severity : std::uint8_t { kError, kWarning };

// One per line of diagnostics.def, under the name given there: Code::unknown_option is E0203.
enum class Code : std::uint16_t {
#define PIPEC_DIAGNOSTIC(code, name, explanation) name,
#include "pipec/dsl/diagnostics.def"
#undef PIPEC_DIAGNOSTIC
};

std::string_view code_text(Code code);         // "E0203"
std::string_view code_name(Code code);         // "unknown_option"
std::string_view code_explanation(Code code);  // one line, without a full stop
Severity code_severity(Code code);             // by the code's letter
std::vector<Code> all_codes();

struct Label {
  Span span;
  std::string text;  // may be empty
};

struct Diagnostic {
  // The severity is the code's.
  Diagnostic(Code code, Span span, std::string message);

  // The text shown after the carets. Without a label, the first hint is shown there.
  Diagnostic& label(std::string text);
  // Adds a related location ("first bound here"), possibly in another file.
  Diagnostic& also(Span span, std::string text);
  Diagnostic& note(std::string text);
  // The likely fix, e.g. "did you mean 'topics'?".
  Diagnostic& hint(std::string text);

  Severity severity;
  Code code;
  std::string message;
  Label primary;
  std::vector<Label> secondary;
  std::vector<std::string> notes;
  std::vector<std::string> hints;
};

// Collects in the order of reporting. Not thread-safe: one per compilation.
class DiagnosticSink {
 public:
  // The reference is valid until the next report: `sink.report(code, span, "...").hint("...")`.
  Diagnostic& report(Diagnostic diagnostic);
  Diagnostic& report(Code code, Span span, std::string message) {
    return report(Diagnostic(code, span, std::move(message)));
  }

  const std::vector<Diagnostic>& all() const { return diagnostics_; }
  std::size_t error_count() const { return errors_; }
  bool has_errors() const { return errors_ != 0; }
  void drop_warnings();
  // Orders by file, then by place; equal places keep the order of reporting.
  void sort_by_place();

 private:
  std::vector<Diagnostic> diagnostics_;
  std::size_t errors_ = 0;
};

}  // namespace pipec::dsl
