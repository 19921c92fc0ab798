// Compiles .pipe files to plans and reports all their errors.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/pipec/console.h"
#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/source.h"
#include "pipec/graph/plan.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/registry.h"

namespace pipec::cli {

struct Programs {
  dsl::SourceMap sources;
  std::vector<graph::Plan> plans;            // of the files that compile
  std::vector<dsl::Diagnostic> diagnostics;  // of all files, in their order
  int status = kDone;                        // kWrongUsage if a file is missing, kDoesNotCompile
};

// Compiles one file, reporting to the sink; false where it does not compile.
using CompileFile = std::function<bool(const dsl::SourceFile& source, dsl::DiagnosticSink& sink)>;
// Reads every file and passes it on, regardless of errors in others. Unreadable files are reported
// immediately.
void read_programs(Console& console, const std::vector<std::string>& files, Programs& programs,
                   const CompileFile& compile);

// Compiles every file, regardless of errors in others. Unreadable files are reported immediately.
void compile_files(Console& console, const std::vector<std::string>& files, const runtime::Registry& registry,
                   const runtime::ConnectorContext& connectors, Programs& programs);

// The diagnostics, as text on stderr. `warnings`: not only the errors.
void show_diagnostics(Console& console, const Programs& programs, bool warnings);

}  // namespace pipec::cli
