#include <algorithm>
#include <utility>

#include "compiler/flow.h"
#include "pipec/dsl/suggest.h"
#include "pipec/runtime/guarded.h"

namespace pipec::compiler {

using dsl::Code;

namespace {

template <class Specs, class Others>
void report_unknown(Context& context, const dsl::Name& name, const char* role, const Specs& specs,
                    const Others& others, const char* other_role) {
  if (name.text.empty()) return;
  std::vector<std::string_view> known;
  std::string list;
  for (const auto& spec : specs) {
    known.push_back(spec.name);
    list += (list.empty() ? "" : ", ") + spec.name;
  }
  auto& diagnostic =
      context.report.add(Code::unknown_connector, name.span, "unknown connector '" + name.text + "'")
          .hint(dsl::did_you_mean(name.text, known));
  const bool other =
      std::any_of(others.begin(), others.end(), [&](const auto& spec) { return spec.name == name.text; });
  if (other) diagnostic.note("'" + name.text + "' exists, but only for " + other_role);
  diagnostic.note(list.empty() ? std::string("there is no connector for ") + role
                               : std::string(role) + " takes " + list);
}

// The clock and the log are the run's (RunOptions).
runtime::ConnectorContext in_run(runtime::ConnectorContext context, const graph::RunServices& run) {
  context.clock = run.clock;
  context.log = run.log;
  return context;
}

}  // namespace

Position FlowCompiler::recv(const dsl::Source& source, const Module& module) {
  const dsl::Connector& connector = source.recv;
  Position result;
  graph::Node node;
  node.kind = graph::Node::Kind::receive;
  node.name = "recv " + connector.name.text;
  node.place = context_.report.place(source.span);
  const runtime::ReceiverSpec* spec = context_.registry.receiver(connector.name.text);
  if (!spec) {
    report_unknown(context_, connector.name, "recv", context_.registry.receivers(), context_.registry.sinks(),
                   "sink");
    result.failed = result.validated = result.object = true;
    return result;
  }
  CompiledOptions compiled = compile_options(context_, module, connector, spec->options, spec->positional,
                                             node.name, Where::receiver);
  node.detail = compiled.text;
  if (compiled.options && spec->check) {
    const runtime::Status status = runtime::guarded([&] { return spec->check(*compiled.options); });
    if (!status) {
      context_.report.add(Code::refused_option, connector.name.span,
                          node.name + ": " + status.error().message);
      compiled.options = nullptr;
    }
  }
  if (compiled.options && compiled.options->given("state")) {
    const std::string name(compiled.options->string("state"));
    node.state_key = state_key("state:" + name);
    if (const auto [first, is_new] = state_names_.emplace(name, connector.name.span); !is_new) {
      context_.report
          .add(Code::refused_option, connector.name.span,
               node.name + ": the state name '" + name + "' is taken")
          .also(first->second, "by this source");
    }
  } else if (!spec->shared_state.empty()) {
    node.state_key = spec->shared_state;
    node.shares_state = true;
  } else {
    node.state_key = state_key(node.name.substr(0, 4) + "." + connector.name.text +
                               (compiled.identity.empty() ? "" : ":" + compiled.identity));
  }
  if (spec->commits_elsewhere) result.elsewhere = node.name;
  if (spec->resumable) node.facts.push_back("resumes where the last run ended");
  if (compiled.options) {
    uses_.push_back({runtime::ConnectorUse::Role::receiver, spec->name, compiled.options});
    use_spans_.push_back(connector.name.span);
    only_one_reader(*spec, connector.name.span);
    node.make_receiver = [spec, options = compiled.options,
                          context = connectors_](const graph::RunServices& run) {
      return spec->make(*options, in_run(context, run));
    };
  }
  result.node = add(std::move(node));
  return result;
}

void FlowCompiler::only_one_reader(const runtime::ReceiverSpec& spec, dsl::Span span) {
  if (spec.only_one.empty()) return;
  const auto [first, is_new] = readers_.emplace(spec.only_one, span);
  if (is_new) return;
  context_.report.add(Code::same_source, span, "two sources read " + spec.only_one)
      .also(first->second, "the other one")
      .hint("bind it once and use it twice: let input = recv " + spec.name + "()")
      .note("each would get only part of the bytes");
}

FlowCompiler::Sink FlowCompiler::open_sink(const dsl::Connector& connector, const Module& module,
                                           const std::string& role) {
  Sink result;
  result.name = role + " " + connector.name.text;
  result.spec = context_.registry.sink(connector.name.text);
  if (!result.spec) {
    report_unknown(context_, connector.name, role.c_str(), context_.registry.sinks(),
                   context_.registry.receivers(), "recv");
    return result;
  }
  result.options = compile_options(context_, module, connector, result.spec->options, result.spec->positional,
                                   result.name, Where::record);
  if (!result.options.options) return result;
  if (result.spec->check) {
    const runtime::Status status =
        runtime::guarded([&] { return result.spec->check(*result.options.options); });
    if (!status) {
      context_.report.add(Code::refused_option, connector.name.span,
                          result.name + ": " + status.error().message);
      result.options.options = nullptr;
      return result;
    }
  }
  uses_.push_back(
      {role == "dlq" ? runtime::ConnectorUse::Role::dead_letters : runtime::ConnectorUse::Role::sink,
       result.spec->name, result.options.options});
  use_spans_.push_back(connector.name.span);
  if (!result.spec->target) return result;
  std::optional<std::string> target;
  if (const runtime::Status status =
          runtime::guarded([&] { target = result.spec->target(*result.options.options); });
      !status) {
    context_.report.add(Code::refused_option, connector.name.span,
                        result.name + ": " + status.error().message);
  }
  if (target) {
    const auto [first, is_new] = targets_.emplace(*target, connector.name.span);
    if (!is_new) {
      const std::size_t colon = target->find(':');
      const std::string shown = colon == std::string::npos ? *target : target->substr(colon + 1);
      context_.report
          .add(Code::same_target, connector.name.span,
               "two sinks write to " + (shown.empty() ? *target : "'" + shown + "'"))
          .also(first->second, "the other one")
          .hint("merge the streams before one sink: merge(a, b) | sink ...");
    }
  }
  return result;
}

void FlowCompiler::join_connectors() {
  runtime::PipelineTraits traits;
  traits.commit_sink = plan_.commit == graph::CommitMode::sink;
  for (std::size_t i = 0; i < uses_.size(); ++i) {
    if (uses_[i].role == runtime::ConnectorUse::Role::receiver) continue;
    const runtime::SinkSpec* spec = context_.registry.sink(uses_[i].name);
    if (!spec->join) continue;
    const runtime::Status status = runtime::guarded([&] { return spec->join(i, uses_, traits); });
    if (!status) {
      const char* role = uses_[i].role == runtime::ConnectorUse::Role::sink ? "sink " : "dlq ";
      context_.report.add(Code::refused_option, use_spans_[i],
                          role + std::string(uses_[i].name) + ": " + status.error().message);
    }
  }
  plan_.transactional = traits.transactional;
}

std::string FlowCompiler::sink_key(const Sink& sink, const dsl::Connector& connector,
                                   const std::string& role) {
  if (!sink.spec->shared_state.empty()) return sink.spec->shared_state;
  const std::string& identity = sink.options.identity;
  return state_key(role + "." + connector.name.text + (identity.empty() ? "" : ":" + identity));
}

void FlowCompiler::sink(graph::Node& node, const Position& at, const dsl::SinkStage& stage,
                        const Module& module) {
  node.kind = graph::Node::Kind::sink;
  Sink sink = open_sink(stage.connector, module, "sink");
  node.name = sink.name;
  node.detail = sink.options.text;
  if (!sink.spec || !sink.options.options) return;
  node.state_key = sink_key(sink, stage.connector, "sink");
  node.shares_state = !sink.spec->shared_state.empty();
  node.unordered = sink.options.options->boolean("unordered", false);
  if (!sink.options.reads.empty()) reads(node, at, sink.options.reads, true);
  std::vector<std::string> failures = std::move(sink.options.failures);
  // The connector may reject a path or key computed from a record, whatever its type.
  if (sink.options.per_record) failures.push_back("an option computed from the record that the sink rejects");
  if (!failures.empty()) {
    const bool malformed = (sink.options.takes_apart || !sink.options.reads.empty()) && !at.validated;
    can_dead_letter(node, stage.keyword, malformed, std::move(failures));
  }
  node.make_sink = [spec = sink.spec, options = sink.options.options, context = connectors_](
                       const graph::RunServices& run) { return spec->make(*options, in_run(context, run)); };
}

void FlowCompiler::dead_letters(const dsl::DlqItem& item, const Module& module) {
  graph::DeadLetterPolicy& policy = plan_.dead_letters;
  policy.place = context_.report.place(item.span);
  switch (item.mode) {
    case dsl::DlqItem::Mode::kReject:
      policy.kind = graph::DeadLetterPolicy::Kind::reject;
      policy.name = "dlq reject";
      return;
    case dsl::DlqItem::Mode::kDiscard:
      policy.kind = graph::DeadLetterPolicy::Kind::discard;
      policy.name = "dlq discard";
      return;
    case dsl::DlqItem::Mode::kConnector:
      break;
  }
  Sink sink = open_sink(item.connector, module, "dlq");
  policy.kind = graph::DeadLetterPolicy::Kind::sink;
  policy.name = sink.name;
  policy.detail = sink.options.text;
  if (!sink.spec || !sink.options.options) return;
  policy.state_key = sink_key(sink, item.connector, "dlq");
  policy.shares_state = !sink.spec->shared_state.empty();
  runtime::ConnectorContext own = connectors_;
  own.is_private = true;
  policy.make_sink = [spec = sink.spec, options = sink.options.options,
                      context = std::move(own)](const graph::RunServices& run) {
    return spec->make(*options, in_run(context, run));
  };
}

}  // namespace pipec::compiler
