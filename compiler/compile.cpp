// The phases in their order: resolve names, compile directives and flows, check names that no flow reached,
// warn.
#include "pipec/compiler/compile.h"

#include <utility>

#include "compiler/context.h"
#include "compiler/directives.h"
#include "compiler/expression.h"
#include "compiler/flow.h"
#include "compiler/names.h"
#include "compiler/tests.h"
#include "pipec/dsl/parser.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::ItemKind;

namespace {

bool holds_flow(const Module& module) {
  for (const auto& item : module.ast.items) {
    if (item->kind == ItemKind::kFlow) return true;
  }
  return false;
}

// The body of every function once, whether it is called or not.
void check_functions(Context& context, Names& names) {
  constexpr std::size_t kMaxParameters = 32;
  for (Symbol& symbol : names.symbols) {
    if (!symbol.fn || symbol.failed || !symbol.fn->body) continue;
    if (symbol.fn->parameters.size() > kMaxParameters) {
      context.report.add(Code::program_too_large, symbol.name.span,
                         "a function takes at most " + std::to_string(kMaxParameters) + " parameters");
      symbol.failed = true;
      continue;
    }
    ExpressionCompiler compiler(context, *symbol.module, Where::record);
    for (const dsl::Name& parameter : symbol.fn->parameters) {
      compiler.bind(parameter, runtime::TypeSet::any(), nullptr, false);
    }
    // A pattern that is a parameter is known only where the function is called.
    compiler.checking_definition();
    compiler.value(*symbol.fn->body);
    if (!compiler.ok()) symbol.failed = true;
  }
}

void report_unused(Context& context, Names& names) {
  const Module& main = names.modules.front();
  if (!main.complete) return;
  const bool flows = holds_flow(main);
  for (const Symbol& symbol : names.symbols) {
    const bool silent =
        symbol.failed || symbol.uses != 0 || symbol.name.text.empty() || symbol.name.text[0] == '_';
    if (symbol.module != &main || silent) continue;
    const std::string& name = symbol.name.text;
    switch (symbol.kind) {
      case Symbol::Kind::stream:
        if (!symbol.kind_known) break;
        context.report.add(Code::unused_stream, symbol.name.span, "nothing reads the stream '" + name + "'")
            .hint("end it in a sink: " + name + " | sink ..., or remove it");
        break;
      case Symbol::Kind::chain:
        if (flows) {
          context.report
              .add(Code::unused_stage_chain, symbol.name.span, "nothing uses the stage chain '" + name + "'")
              .hint("put it into a flow: ... | " + name + " | ..., or remove it");
        }
        break;
      case Symbol::Kind::function:
        if (flows) {
          context.report
              .add(Code::unused_function, symbol.name.span, "nothing calls the function '" + name + "'")
              .hint("remove it, or call it '_" + name + "'");
        }
        break;
    }
  }
}

// P8: without a dead letter route, the first dead letter stops the run. A valid choice, but users should
// know.
void warn_of_reject(Context& context, const FlowCompiler& flow) {
  const auto& sources = flow.dead_letter_sources();
  if (sources.empty()) return;
  constexpr std::size_t kShown = 3;
  const DeadLetterSource& first = sources.front();
  auto& diagnostic = context.report.add(Code::stops_on_dead_letter, first.span,
                                        first.unparsed ? "a record that does not parse stops this pipeline"
                                                       : "a record that fails here stops this pipeline");
  std::size_t shown = 0;
  for (const DeadLetterSource& source : sources) {
    if (source.span == first.span || shown == kShown) continue;
    diagnostic.also(source.span,
                    source.unparsed ? "so does one that does not parse here" : "so does one that fails here");
    ++shown;
  }
  diagnostic.hint("add a `dlq` to keep going");
}

std::string directory_free(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

}  // namespace

namespace {

// Finds all errors in the file, then builds the plan, and the tests if requested.
std::optional<graph::Plan> compile_file(const dsl::SourceFile& source, const runtime::Registry& registry,
                                        const CompileOptions& options, dsl::DiagnosticSink& sink,
                                        std::vector<Test>* tests) {
  Report report(sink);
  Context context{registry, options, report};
  Names names;
  resolve(source, registry, options, report, sink, names);
  Module& main = names.modules.front();

  runtime::ConnectorContext connectors = options.connectors;
  connectors.pipeline = pipeline_name(context, main);
  connectors.shared = std::make_shared<runtime::SharedParts>();
  FlowCompiler flow(context, names, connectors, options.keeps_state);
  flow.plan().name = connectors.pipeline;
  check_functions(context, names);
  compile_directives(context, main, flow);
  for (const auto& item : main.ast.items) {
    if (item->kind == ItemKind::kFlow) flow.flow(as<dsl::FlowItem>(*item).pipeline, main);
  }

  flow.collect_own_files();
  if (!report.failed()) flow.join_connectors();

  // Their nodes go nowhere: they are compiled for their errors.
  FlowCompiler unreached(context, names, connectors, false);
  for (Symbol& symbol : names.symbols) {
    if (symbol.kind == Symbol::Kind::stream && symbol.let && symbol.uses == 0) unreached.check_stream(symbol);
    if (symbol.kind == Symbol::Kind::chain && !flow.put_in(symbol)) unreached.check_chain(symbol);
  }
  check_tests(context, main);
  if (options.needs_flow && main.complete && !holds_flow(main)) {
    report.add(Code::no_flow, {source.id(), 0, 0}, "'" + directory_free(source.name()) + "' contains no flow")
        .hint("a flow begins with a source and ends in a sink: recv file(\"in.ndjson\") | sink stdout()");
  }
  report_unused(context, names);
  if (!report.failed() && flow.plan().dead_letters.kind == graph::DeadLetterPolicy::Kind::reject) {
    warn_of_reject(context, flow);
  }
  if (report.failed()) {
    report.drop_warnings();
    return std::nullopt;
  }
  if (tests) *tests = make_tests(context, names, connectors);
  return std::move(flow.plan());
}

}  // namespace

std::optional<graph::Plan> compile(const dsl::SourceFile& source, const runtime::Registry& registry,
                                   const CompileOptions& options, dsl::DiagnosticSink& sink) {
  return compile_file(source, registry, options, sink, nullptr);
}

std::optional<std::vector<Test>> compile_tests(const dsl::SourceFile& source,
                                               const runtime::Registry& registry,
                                               const CompileOptions& options, dsl::DiagnosticSink& sink) {
  CompileOptions without_flow = options;
  without_flow.needs_flow = false;
  std::vector<Test> tests;
  if (!compile_file(source, registry, without_flow, sink, &tests)) return std::nullopt;
  return tests;
}

std::optional<graph::Plan> compile_stages(const dsl::SourceFile& source, const runtime::Registry& registry,
                                          const CompileOptions& options, StageEnds ends,
                                          dsl::DiagnosticSink& sink) {
  Report report(sink);
  report.add_file(source);
  Context context{registry, options, report};
  Names names;
  Module& module = names.modules.emplace_back();
  module.file = &source;
  module.main = true;
  const dsl::ChainResult parsed = dsl::parse_chain(source, sink);
  module.complete = parsed.ok;
  runtime::ConnectorContext connectors = options.connectors;
  if (connectors.pipeline.empty()) connectors.pipeline = pipeline_name(context, module);
  connectors.shared = std::make_shared<runtime::SharedParts>();
  FlowCompiler flow(context, names, connectors, options.keeps_state);
  flow.plan().name = connectors.pipeline;
  flow.stages_between(parsed.chain, module, std::move(ends.source), std::move(ends.sink));
  flow.collect_own_files(ends.reads);
  if (!report.failed()) flow.join_connectors();
  if (report.failed()) return std::nullopt;
  return std::move(flow.plan());
}

std::shared_ptr<const runtime::Program> compile_expression(const dsl::SourceFile& source,
                                                           const runtime::Registry& registry,
                                                           dsl::DiagnosticSink& sink) {
  Report report(sink);
  report.add_file(source);
  const CompileOptions options;
  Context context{registry, options, report};
  Module module;
  module.file = &source;
  const dsl::ExpressionResult parsed = dsl::parse_expression(source, sink);
  module.complete = parsed.ok;
  ExpressionCompiler compiler(context, module, Where::record);
  Lowered root = compiler.value(*parsed.expression);
  if (report.failed() || !compiler.ok() || !root.ok) return nullptr;
  return compiler.program(std::move(root));
}

}  // namespace pipec::compiler
