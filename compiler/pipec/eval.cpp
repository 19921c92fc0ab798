#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "compiler/pipec/commands.h"
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

// `pipec eval ... x >> x` would read what it writes, for ever.
bool writes_its_input(Console& console, const Arguments& arguments) {
  for (const std::string& file : files_read(arguments)) {
    if (!runtime::same_file(file, "/dev/stdout")) continue;
    const std::string name = file == "/dev/stdin" ? "standard input" : file;
    console.error(fmt::format("{} is the file that the output goes to; write to another file", name));
    return true;
  }
  return false;
}

compiler::StageEnds make_ends(const Arguments& arguments, const runtime::Registry& registry) {
  compiler::StageEnds ends;
  ends.source.kind = graph::Node::Kind::receive;
  ends.source.name = "recv eval";
  ends.source.make_receiver =
      [&registry, files = arguments.files,
       framing = arguments.framing]() -> runtime::Result<std::unique_ptr<runtime::Receiver>> {
    return make_eval_input(registry, files, framing);
  };
  ends.reads = files_read(arguments);
  ends.sink.kind = graph::Node::Kind::sink;
  ends.sink.name = "sink stdout";
  ends.sink.make_sink = [&registry, encode = arguments.encode] {
    runtime::ConnectorContext context;
    context.pipeline = "eval";
    context.clock = &runtime::Clock::system();
    runtime::Options options;
    if (!encode.empty()) {
      options.items.push_back({.name = "encode",
                               .value = runtime::Value::string(options.storage->copy(encode)),
                               .program = nullptr,
                               .place = {}});
    }
    return registry.sink("stdout")->make(options, context);
  };
  return ends;
}

}  // namespace

int eval_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  Arguments quiet = arguments;
  quiet.quiet = true;

  dsl::SourceMap sources;
  dsl::DiagnosticSink sink;
  const dsl::SourceFile& source = sources.add("<stages>", arguments.stages);
  compiler::CompileOptions options;
  options.connectors.clock = &runtime::Clock::system();
  auto plan = compiler::compile_stages(source, registry, options, make_ends(arguments, registry), sink);
  if (!plan) {
    sink.sort_by_place();
    console.text(dsl::render_text(sink.all(), sources, {.color = console.color(), .width = 100}));
    return kDoesNotCompile;
  }
  plan->name = "eval";
  const auto to_stdout = [](const graph::Node& node) { return node.name == "sink stdout"; };
  if (std::ranges::any_of(plan->nodes, to_stdout) && writes_its_input(console, arguments)) return kWrongUsage;

  std::atomic<std::uint64_t> rejected{0};
  plan->dead_letters.kind = graph::DeadLetterPolicy::Kind::sink;
  plan->dead_letters.name = "stderr";
  plan->dead_letters.make_sink = [&]() -> runtime::Result<std::unique_ptr<runtime::Sink>> {
    return make_reject_sink(console, rejected);
  };

  if (reads_stdin(arguments) && is_terminal(STDIN_FILENO)) {
    console.line("pipec: reading records from the terminal; Ctrl-D ends them");
  }
  Runner runner(console, quiet);
  if (!runner.add(std::move(*plan), nullptr, {})) return kFailed;
  runner.run();
  // `| head -1` took what it wanted: that is no failure to speak of.
  if (runner.jobs().front().outcome.error && stdout_reader_is_gone()) leave_by_sigpipe();
  const int status = runner.report();
  return status == kDone && rejected > 0 ? kFailed : status;
}

}  // namespace pipec::cli
