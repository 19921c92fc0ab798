#include "compiler/pipec/programs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compiler/pipec/text_files.h"
#include "pipec/compiler/compile.h"
#include "pipec/dsl/render.h"

namespace pipec::cli {

void read_programs(Console& console, const std::vector<std::string>& files, Programs& programs,
                   const CompileFile& compile) {
  for (const std::string& path : files) {
    std::string reason;
    std::optional<std::string> text = read_text(path, reason);
    if (!text) {
      console.error(fmt::format("cannot read {}: {}", path, reason));
      programs.status = std::max(programs.status, kWrongUsage);
      continue;
    }
    const dsl::SourceFile& source = programs.sources.add(path == "-" ? "<stdin>" : path, std::move(*text));
    dsl::DiagnosticSink sink;
    if (!compile(source, sink)) programs.status = std::max(programs.status, kDoesNotCompile);
    sink.sort_by_place();
    programs.diagnostics.insert(programs.diagnostics.end(), sink.all().begin(), sink.all().end());
  }
}

void compile_files(Console& console, const std::vector<std::string>& files, const runtime::Registry& registry,
                   const runtime::ConnectorContext& connectors, Programs& programs) {
  compiler::CompileOptions options;
  options.connectors = connectors;
  options.use = compiler::read_used_files(programs.sources);
  read_programs(console, files, programs, [&](const dsl::SourceFile& source, dsl::DiagnosticSink& sink) {
    std::optional<graph::Plan> plan = compiler::compile(source, registry, options, sink);
    if (plan) programs.plans.push_back(std::move(*plan));
    return plan.has_value();
  });
}

void show_diagnostics(Console& console, const Programs& programs, bool warnings) {
  std::vector<dsl::Diagnostic> shown = programs.diagnostics;
  if (!warnings)
    std::erase_if(shown, [](const dsl::Diagnostic& d) { return d.severity != dsl::Severity::kError; });
  if (shown.empty()) return;
  console.text(dsl::render_text(shown, programs.sources, {.color = console.color(), .width = 100}));
}

}  // namespace pipec::cli
