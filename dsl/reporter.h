// Collects one parse's errors, and stops the parse when there are too many.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/parser.h"

namespace pipec::dsl {

class Reporter {
 public:
  explicit Reporter(FileId file) : file_(file) {}

  Diagnostic& report(Code code, std::uint32_t begin, std::uint32_t end, std::string message) {
    auto& diagnostic = found_.report(code, Span{file_, begin, end}, std::move(message));
    if (found_.error_count() == kMaxParseErrors) {
      stopped_ = true;
      diagnostic.note("there may be more errors: reading stopped here, after " +
                      std::to_string(kMaxParseErrors));
    }
    return diagnostic;
  }
  // Nothing more is read: there are too many errors, or one of them makes the rest meaningless.
  bool stopped() const { return stopped_; }
  void stop() { stopped_ = true; }
  bool has_errors() const { return found_.has_errors(); }

  // Hands everything on, in the order of the text.
  void flush_to(DiagnosticSink& sink) {
    found_.sort_by_place();
    for (const auto& diagnostic : found_.all()) sink.report(diagnostic);
  }

 private:
  FileId file_;
  DiagnosticSink found_;
  bool stopped_ = false;
};

}  // namespace pipec::dsl
