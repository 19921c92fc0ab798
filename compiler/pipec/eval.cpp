#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "compiler/pipec/commands.h"
#include "compiler/pipec/eval_enough.h"
#include "compiler/pipec/eval_input.h"
#include "compiler/pipec/rejects.h"
#include "compiler/pipec/runner.h"
#include "pipec/compiler/compile.h"
#include "pipec/dsl/render.h"
#include "pipec/runtime/own_files.h"

namespace pipec::cli {
namespace {

bool reads_stdin(const Arguments& arguments) {
  return arguments.files.empty() || std::ranges::find(arguments.files, "-") != arguments.files.end();
}

std::vector<std::string> files_read(const Arguments& arguments) {
  std::vector<std::string> files = arguments.files;
  if (files.empty()) files.emplace_back("-");
  std::ranges::replace(files, "-", "/dev/stdin");
  return files;
}

// `pipec eval ... x >> x` would read its own output forever.
bool writes_its_input(Console& console, const Arguments& arguments) {
  for (const std::string& file : files_read(arguments)) {
    if (!runtime::same_file(file, "/dev/stdout")) continue;
    const std::string name = file == "/dev/stdin" ? "standard input" : file;
    console.error(fmt::format("{} is the file that the output goes to; write to another file", name));
    return true;
  }
  return false;
}

compiler::StageEnds make_ends(const Arguments& arguments, const runtime::Registry& registry,
                              InputSample& sample, const Enough& enough) {
  compiler::StageEnds ends;
  ends.source.kind = graph::Node::Kind::receive;
  ends.source.name = "recv eval";
  ends.source.make_receiver =
      [&registry, &sample, &enough, files = arguments.files, framing = arguments.framing](
          const graph::RunServices&) -> runtime::Result<std::unique_ptr<runtime::Receiver>> {
    return make_eval_input(registry, files, framing, &sample, [&enough] { return enough.reached(); });
  };
  ends.reads = files_read(arguments);
  ends.sink.kind = graph::Node::Kind::sink;
  ends.sink.name = "sink stdout";
  ends.sink.make_sink = [&registry, encode = arguments.encode](const graph::RunServices& run) {
    runtime::ConnectorContext context;
    context.pipeline = "eval";
    context.clock = run.clock;
    runtime::Options options;
    if (!encode.empty()) options.choose("encode", *registry.format(encode));
    return registry.sink("stdout")->make(options, context);
  };
  return ends;
}

// The part of the plan that the advice at the end needs; the run takes the rest.
graph::Plan plan_without_factories(const graph::Plan& plan) {
  graph::Plan copy;
  for (const graph::Node& node : plan.nodes) {
    graph::Node& made = copy.nodes.emplace_back();
    made.kind = node.kind;
    made.name = node.name;
    made.needed_fields = node.needed_fields;
  }
  return copy;
}

void advise(Console& console, const runtime::Registry& registry, const graph::Plan& plan,
            const InputSample& sample, const Rejects& rejects, const graph::Summary& summary) {
  if (rejects.parts > 0) {
    console.line(
        fmt::format("pipec: a value spans several lines, and each line was read as a record ({} of them are "
                    "not JSON): {}",
                    rejects.parts.load(), framing_for_several_lines(registry, sample.head())));
    return;
  }
  if (summary.records_out != 0 || rejects.all != 0 || summary.stopped) return;
  const std::string advice = advice_on_nothing(registry, plan, sample, summary.records_in);
  if (!advice.empty()) console.line("pipec: no output: " + advice);
}

}  // namespace

int eval_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  Arguments quiet = arguments;
  quiet.quiet = true;

  dsl::SourceMap sources;
  dsl::DiagnosticSink sink;
  const dsl::SourceFile& source = sources.add("<stages>", arguments.stages);
  compiler::CompileOptions options;
  options.keeps_state = false;
  options.connectors.clock = &runtime::Clock::system();
  InputSample sample;
  Enough enough;
  auto plan = compiler::compile_stages(source, registry, options,
                                       make_ends(arguments, registry, sample, enough), sink);
  sink.sort_by_place();
  if (!sink.all().empty()) {
    console.text(dsl::render_text(sink.all(), sources, {.color = console.color(), .width = 100}));
  }
  if (!plan) return kDoesNotCompile;
  plan->name = "eval";
  enough.watch(*plan);
  const auto to_stdout = [](const graph::Node& node) { return node.name == "sink stdout"; };
  if (std::ranges::any_of(plan->nodes, to_stdout) && writes_its_input(console, arguments)) return kWrongUsage;

  Rejects rejects;
  const bool by_lines = arguments.framing.empty() || !registry.format(arguments.framing)->frame->make;
  plan->dead_letters.kind = graph::DeadLetterPolicy::Kind::sink;
  plan->dead_letters.name = "stderr";
  plan->dead_letters.make_sink =
      [&](const graph::RunServices&) -> runtime::Result<std::unique_ptr<runtime::Sink>> {
    return make_reject_sink(console, rejects, by_lines ? &sample : nullptr);
  };

  if (reads_stdin(arguments) && is_terminal(STDIN_FILENO)) {
    console.line("pipec: reading records from the terminal; Ctrl-D ends them");
  }
  const graph::Plan about = plan_without_factories(*plan);
  Runner runner(console, quiet);
  if (!runner.add(std::move(*plan), nullptr, {})) return kFailed;
  runner.run();
  // `| head -1` has read enough: not a failure.
  if (runner.jobs().front().outcome.error && stdout_reader_is_gone()) leave_by_sigpipe();
  const int status = runner.report();
  if (status == kDone)
    advise(console, registry, about, sample, rejects, runner.jobs().front().outcome.summary);
  return status == kDone && rejects.all > 0 ? kFailed : status;
}

}  // namespace pipec::cli
