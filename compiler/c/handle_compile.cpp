#include "compiler/c/handle.h"

#include "pipec/compiler/compile.h"
#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/render.h"
#include "pipec/stdlib/register.h"

namespace pipec::c {

PipelineHandle::PipelineHandle(Settings settings) : settings_(std::move(settings)) {}

std::variant<std::shared_ptr<PipelineHandle>, Fault> PipelineHandle::open(std::string name, std::string text,
                                                                          Settings settings) {
  const std::shared_ptr<PipelineHandle> handle(new PipelineHandle(std::move(settings)));
  handle->register_channels();
  stdlib::register_all(*handle->registry_);
  if (auto fault = handle->compile(std::move(name), std::move(text))) return *std::move(fault);
  return handle;
}

// Registers `recv memory` and `sink memory` with a check that notes which channels the text uses.
void PipelineHandle::register_channels() {
  runtime::Registry own;
  const auto channels = std::make_shared<stdlib::MemoryChannels>(true);
  stdlib::register_memory(own, channels);
  const auto check = [this, channels](const runtime::Options& options, bool read) {
    const std::string_view name = options.string("name");
    if (runtime::Status status = name_channel(name, read); !status) return status;
    Channel& channel = channels_.find(name)->second;
    channel.records = channels->channel(name);
    if (settings_.channel_bytes != 0) channel.records->set_limit(settings_.channel_bytes);
    return runtime::Status();
  };
  runtime::ReceiverSpec receiver = *own.receiver("memory");
  receiver.check = [check](const runtime::Options& options) { return check(options, true); };
  static_cast<void>(registry_->add(std::move(receiver)));
  runtime::SinkSpec sink = *own.sink("memory");
  sink.check = [check](const runtime::Options& options) { return check(options, false); };
  static_cast<void>(registry_->add(std::move(sink)));
}

// A pipeline that reads what it writes would wait for its own commit.
runtime::Status PipelineHandle::name_channel(std::string_view name, bool read) {
  const auto [found, is_new] = channels_.try_emplace(std::string(name));
  if (is_new) {
    found->second.read = read;
  } else if (read || found->second.read) {
    const char* why = read != found->second.read ? "is both read and written" : "is read twice";
    return runtime::Error::make(runtime::ErrorCode::option, "the channel '" + std::string(name) + "' " + why);
  }
  return {};
}

std::optional<Fault> PipelineHandle::compile(std::string name, std::string text) {
  dsl::SourceMap sources;
  const dsl::SourceFile& source = sources.add(std::move(name), std::move(text));
  compiler::CompileOptions options;
  options.use = compiler::read_used_files(sources);
  options.keeps_state = !settings_.state_directory.empty();
  options.connectors.clock = settings_.run.clock;
  options.connectors.state_directory = settings_.state_directory;
  settings_.run.log = [callbacks = callbacks_](const std::string& line) {
    if (!callbacks->log) return;
    const Inside inside(*callbacks);
    callbacks->log.function(callbacks->log.user, line.c_str());
  };
  dsl::DiagnosticSink sink;
  std::optional<graph::Plan> plan = compiler::compile(source, *registry_, options, sink);
  sink.sort_by_place();
  if (plan) {
    plan_ = *std::move(plan);
    name_ = plan_.name;
    // A thread that hangs past the deadline keeps the plan alive, and the plan needs the registry.
    for (graph::Node& node : plan_.nodes) {
      if (!node.make_receiver) continue;
      node.make_receiver = [make = std::move(node.make_receiver),
                            kept = registry_](const graph::RunServices& run) { return make(run); };
    }
    for (const dsl::Diagnostic& each : sink.all()) {
      (each.code == dsl::Code::stops_on_dead_letter ? stops_ : warnings_) += dsl::render_text(each, sources);
    }
    return std::nullopt;
  }
  Fault fault{PIPEC_INVALID, {"compile", dsl::render_text(sink.all(), sources), {}, {}, false}};
  const dsl::Diagnostic* first = nullptr;
  for (const dsl::Diagnostic& each : sink.all()) {
    const dsl::Location location = sources.locate(each.primary.span);
    fault.diagnostics.push_back({std::string(dsl::code_text(each.code)), each.message,
                                 sources.get(each.primary.span.file).name(), location.line, location.column});
    if (first || each.severity != dsl::Severity::kError) continue;
    first = &each;
    fault.error.code = dsl::code_text(each.code);
    fault.error.place = sources.place(each.primary.span);
  }
  return fault;
}

}  // namespace pipec::c
