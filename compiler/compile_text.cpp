#include <utility>

#include "pipec/compiler/compile.h"
#include "pipec/dsl/render.h"
#include "pipec/runtime/guarded.h"

namespace pipec::compiler {

runtime::Result<graph::Plan> compile_text(std::string name, std::string text,
                                          const runtime::Registry& registry, CompileOptions options,
                                          std::string* warnings) {
  return runtime::guarded([&]() -> runtime::Result<graph::Plan> {
    if (const runtime::Status& problem = registry.problem(); !problem) return problem.error();
    dsl::SourceMap sources;
    const dsl::SourceFile& source = sources.add(std::move(name), std::move(text));
    if (!options.use) options.use = read_used_files(sources);
    dsl::DiagnosticSink sink;
    std::optional<graph::Plan> plan = compile(source, registry, options, sink);
    sink.sort_by_place();
    std::string said = dsl::render_text(sink.all(), sources);
    if (!plan) return runtime::Error{"compile", std::move(said), {}, {}, false};
    if (warnings) *warnings = std::move(said);
    return std::move(*plan);
  });
}

}  // namespace pipec::compiler
