#include <utility>

#include "pipec/compiler/compile.h"
#include "pipec/dsl/render.h"
#include "pipec/runtime/guarded.h"

namespace pipec::compiler {

using runtime::Error;
using runtime::ErrorCode;
using runtime::Registry;
using runtime::Result;

namespace {

// Calls compile(source, options, sink) and turns what it reports into an error or into `warnings`.
template <typename Compile>
Result<graph::Plan> compile_with(std::string name, std::string text, const Registry& registry,
                                 CompileOptions options, std::string* warnings, const Compile& compile) {
  return runtime::guarded([&]() -> Result<graph::Plan> {
    if (const runtime::Status& problem = registry.problem(); !problem) return problem.error();
    dsl::SourceMap sources;
    const dsl::SourceFile& source = sources.add(std::move(name), std::move(text));
    if (!options.use) options.use = read_used_files(sources);
    dsl::DiagnosticSink sink;
    std::optional<graph::Plan> plan = compile(source, options, sink);
    sink.sort_by_place();
    std::string said = dsl::render_text(sink.all(), sources);
    if (!plan) return Error::make(ErrorCode::compile, std::move(said));
    if (warnings) *warnings = std::move(said);
    return std::move(*plan);
  });
}

}  // namespace

Result<graph::Plan> compile_text(std::string name, std::string text, const Registry& registry,
                                 CompileOptions options, std::string* warnings) {
  return compile_with(std::move(name), std::move(text), registry, std::move(options), warnings,
                      [&](const auto& source, const auto& with, auto& sink) {
                        return compile(source, registry, with, sink);
                      });
}

Result<graph::Plan> compile_stages_text(std::string text, const Registry& registry, CompileOptions options) {
  return compile_with("stages", std::move(text), registry, std::move(options), nullptr,
                      [&](const auto& source, const auto& with, auto& sink) {
                        StageEnds ends;
                        ends.source.kind = graph::Node::Kind::receive;
                        ends.source.name = "before";
                        ends.sink.kind = graph::Node::Kind::sink;
                        ends.sink.name = "after";
                        return compile_stages(source, registry, with, std::move(ends), sink);
                      });
}

}  // namespace pipec::compiler
