// Collects the diagnostics of the compiler's phases. Code that is compiled more than once (a stage chain, a
// function's body) reports the same diagnostic at the same place only once.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/source.h"
#include "pipec/runtime/place.h"

namespace pipec::compiler {

class Report {
 public:
  // Further errors are not reported.
  static constexpr std::size_t kMaxErrors = 200;

  explicit Report(dsl::DiagnosticSink& sink) : sink_(sink), errors_before_(sink.error_count()) {}

  // Adds a text that spans may refer to. Files must outlive the report.
  void add_file(const dsl::SourceFile& file) { files_[file.id()] = &file; }
  const dsl::SourceFile& file(dsl::FileId id) const { return *files_.at(id); }

  // The reference is valid until the next report; additions to a suppressed diagnostic are lost.
  dsl::Diagnostic& add(dsl::Code code, dsl::Span span, std::string message);
  // Marks an expression that is null because an environment variable is not set: errors in it and in
  // enclosing expressions mention the variable.
  void unset_variable(dsl::Span span, const std::string& name) { unset_.emplace_back(span, name); }
  // Did the parser find an error in that text, or right after it?
  bool unparsed(dsl::Span span) const;
  // Of a text that does not compile: most of its warnings are echoes of its errors.
  void drop_warnings() { sink_.drop_warnings(); }
  bool failed() const { return sink_.error_count() != errors_before_; }
  std::size_t error_count() const { return sink_.error_count(); }

  runtime::Place place(dsl::Span span) const;
  std::string_view text(dsl::Span span) const { return file(span.file).text(span); }
  // The text on one line, comments left out, white space joined, at most `width` characters of it.
  std::string line(dsl::Span span, std::size_t width) const;

 private:
  dsl::DiagnosticSink& sink_;
  std::size_t errors_before_;
  std::unordered_map<dsl::FileId, const dsl::SourceFile*> files_;
  std::unordered_set<std::string> seen_;
  std::vector<std::pair<dsl::Span, std::string>> unset_;
  dsl::Diagnostic unheard_{dsl::Code::unknown_name, {}, {}};
};

}  // namespace pipec::compiler
