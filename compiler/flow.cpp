#include "compiler/flow.h"

#include <utility>

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::StageKind;

namespace {

// Limit for stages added by inlining chains again; stages in the text do not count.
constexpr std::size_t kMaxRepeatedStages = 10'000;

Position failed_position() {
  Position result;
  result.failed = true;
  result.validated = true;
  result.object = true;
  return result;
}

}  // namespace

std::uint32_t FlowCompiler::add(graph::Node node) {
  plan_.nodes.push_back(std::move(node));
  return static_cast<std::uint32_t>(plan_.nodes.size() - 1);
}

void FlowCompiler::attach(const Position& at, std::uint32_t node) {
  if (!at.failed) plan_.nodes[at.node].next.push_back(node);
}

// White space and what else might break a line is written as %XX; a second use of the same text gets a
// number.
std::string FlowCompiler::state_key(const std::string& text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string key;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7f && c != '%') {
      key += c;
      continue;
    }
    key += '%';
    key += kDigits[byte >> 4];
    key += kDigits[byte & 15U];
  }
  const unsigned uses = ++keys_[key];
  return uses == 1 ? key : key + "#" + std::to_string(uses);
}

void FlowCompiler::flow(const dsl::Pipeline& pipeline, const Module& module) {
  if (!pipeline.source) return;  // the parser has reported it
  const Position at = source(*pipeline.source, module);
  StageList list;
  expand(pipeline.chain, module, false, list);
  must_end(stages(at, list), list, pipeline.span, "flow");
}

void FlowCompiler::must_end(const Position& at, const StageList& list, dsl::Span where, const char* what) {
  if (at.ended || at.failed || list.broken || context_.report.unparsed(where)) return;
  // If a stage is missing, the parser has reported more than is known here.
  const dsl::Span span = list.stages.empty() ? where : list.stages.back().stage->keyword;
  const bool inside = span.file == where.file && span.begin >= where.begin && span.end <= where.end;
  context_.report
      .add(Code::flow_without_end, inside ? span : where, std::string("this ") + what + " ends nowhere")
      .label("nothing takes the records after this")
      .hint("end it in 'sink', 'route' or 'drop'");
}

void FlowCompiler::stages_between(const dsl::Chain& chain, const Module& module, graph::Node from,
                                  graph::Node to) {
  from.kind = graph::Node::Kind::receive;
  if (from.state_key.empty()) from.state_key = state_key(from.name);
  Position at;
  at.node = add(std::move(from));
  StageList list;
  expand(chain, module, false, list);
  at = stages(at, list);
  if (at.ended || at.failed) return;
  to.kind = graph::Node::Kind::sink;
  if (to.state_key.empty()) to.state_key = state_key(to.name);
  attach(at, add(std::move(to)));
}

void FlowCompiler::check_chain(Symbol& symbol) {
  if (symbol.failed || !symbol.let) return;
  graph::Node node;
  node.kind = graph::Node::Kind::receive;
  Position at;
  at.node = add(std::move(node));
  StageList list;
  expand_chain(symbol, false, list);
  stages(at, list);
}

void FlowCompiler::test_chain(Symbol& symbol) {
  graph::Node from;
  from.kind = graph::Node::Kind::receive;
  from.name = "given";
  from.state_key = state_key(from.name);
  Position at;
  at.node = add(std::move(from));
  StageList list;
  expand_chain(symbol, false, list);
  at = stages(at, list);
  if (at.ended || at.failed) return;
  graph::Node to;
  to.kind = graph::Node::Kind::sink;
  to.name = "expect";
  to.state_key = state_key(to.name);
  attach(at, add(std::move(to)));
}

Position FlowCompiler::source(const dsl::Source& source, const Module& module) {
  switch (source.kind) {
    case dsl::Source::Kind::kRecv:
      return recv(source, module);
    case dsl::Source::Kind::kName:
      return source.names.empty() ? failed_position() : named_source(source.names[0], module);
    case dsl::Source::Kind::kMerge:
      return merge(source, module);
  }
  return failed_position();
}

Position FlowCompiler::named_source(const dsl::Name& name, const Module& module) {
  Symbol* symbol = module.find(name.text);
  if (!symbol) {
    if (module.complete) {
      context_.report.add(Code::unknown_name, name.span, "unknown stream '" + name.text + "'")
          .hint(did_you_mean(module, Symbol::Kind::stream, name.text));
    }
    return failed_position();
  }
  if (symbol->kind != Symbol::Kind::stream) {
    auto& diagnostic = context_.report
                           .add(Code::wrong_kind_of_name, name.span,
                                "'" + name.text + "' is " + describe(symbol->kind) + ", not a stream")
                           .also(symbol->name.span, "bound here");
    if (symbol->kind == Symbol::Kind::chain)
      diagnostic.hint("put a source before it: recv ... | " + name.text);
    return failed_position();
  }
  return stream(*symbol);
}

Position FlowCompiler::stream(Symbol& symbol) {
  if (symbol.failed || !symbol.let) return failed_position();
  if (const auto known = streams_.find(&symbol); known != streams_.end()) return known->second;
  // A circle was reported and has failed, so this ends; kMaxDefinitionDepth bounds its depth.
  const dsl::Pipeline& pipeline = symbol.let->pipeline;
  Position at = failed_position();
  if (pipeline.source) {
    at = source(*pipeline.source, *symbol.module);
    StageList list;
    expand(pipeline.chain, *symbol.module, false, list);
    at = stages(at, list);
    if (list.broken) at = failed_position();
    if (at.ended) {
      context_.report
          .add(Code::stage_after_end, at.end,
               "nothing flows out of this, so '" + symbol.name.text + "' is not a stream")
          .also(symbol.name.span, "bound here")
          .hint("write it as a separate flow, without 'let'");
      at = failed_position();
    }
  }
  streams_[&symbol] = at;
  return at;
}

Position FlowCompiler::merge(const dsl::Source& source, const Module& module) {
  graph::Node node;
  node.kind = graph::Node::Kind::merge;
  node.name = "merge";
  node.place = context_.report.place(source.span);
  Position result;
  result.validated = true;
  result.object = true;
  std::vector<Position> inputs;
  std::map<std::string, dsl::Span> seen;
  for (const dsl::Name& name : source.names) {
    node.detail += (node.detail.empty() ? "" : ", ") + name.text;
    const auto [first, is_new] = seen.emplace(name.text, name.span);
    if (!is_new) {
      context_.report.add(Code::repeated_stream, name.span, "'" + name.text + "' is merged with itself")
          .also(first->second, "first named here")
          .hint("every record would appear twice; name each stream once");
      result.failed = true;
      continue;
    }
    const Position input = named_source(name, module);
    result.failed = result.failed || input.failed;
    result.validated = result.validated && input.validated;
    result.object = result.object && input.object;
    if (result.elsewhere.empty()) result.elsewhere = input.elsewhere;
    inputs.push_back(input);
  }
  if (result.failed) return failed_position();
  result.node = add(std::move(node));
  for (const Position& input : inputs) attach(input, result.node);
  return result;
}

void FlowCompiler::expand(const dsl::Chain& chain, const Module& module, bool repeated, StageList& out) {
  for (const auto& stage : chain.stages) {
    if (context_.too_large) return;
    const Symbol* symbol =
        stage->kind == StageKind::kName ? module.find(as<dsl::NameStage>(*stage).call.name.text) : nullptr;
    if (symbol && symbol->let) {
      expand_name(as<dsl::NameStage>(*stage), module, repeated, out);
      continue;
    }
    if (repeated && ++repeated_stages_ > kMaxRepeatedStages) {
      context_.report.add(
          Code::program_too_large, stage->keyword,
          "more than " + std::to_string(kMaxRepeatedStages) + " stages result from expanding stage chains");
      context_.too_large = out.broken = true;
      return;
    }
    out.stages.push_back({stage.get(), &module, repeated});
  }
}

// A name that the file binds: it hides a registered stage.
void FlowCompiler::expand_name(const dsl::NameStage& stage, const Module& module, bool repeated,
                               StageList& out) {
  const dsl::Name& name = stage.call.name;
  const Symbol& symbol = *module.find(name.text);
  if (symbol.failed || !symbol.kind_known) {
    out.broken = true;
    return;
  }
  if (symbol.kind != Symbol::Kind::chain) {
    out.broken = true;
    context_.report
        .add(Code::wrong_kind_of_name, name.span,
             "'" + name.text + "' is " + describe(symbol.kind) + ", not a stage chain")
        .also(symbol.name.span, "bound here")
        .hint("a flow begins with a stream: " + name.text + " | ...");
    return;
  }
  if (stage.has_arguments() || stage.block) {
    const dsl::Span span = stage.block ? stage.block->span : stage.call.span;
    auto& diagnostic = context_.report
                           .add(Code::wrong_kind_of_name, span,
                                "'" + name.text + "' is a stage chain, which takes no options")
                           .also(symbol.name.span, "bound here");
    if (context_.registry.stage(name.text)) {
      diagnostic.note("it hides the stage '" + name.text + "': give the chain another name to use both");
    }
    out.broken = true;
    return;
  }
  expand_chain(symbol, repeated, out);
}

void FlowCompiler::expand_chain(const Symbol& symbol, bool repeated, StageList& out) {
  if (symbol.failed || !symbol.kind_known) {
    out.broken = true;
    return;
  }
  const bool again = !chains_used_.insert(&symbol).second || repeated;
  const dsl::Pipeline& pipeline = symbol.let->pipeline;
  if (pipeline.source && !pipeline.source->names.empty()) {
    expand_source(pipeline.source->names[0], *symbol.module, again, out);
  }
  expand(pipeline.chain, *symbol.module, again, out);
}

// The name that a chain begins with: another chain or a registered stage.
void FlowCompiler::expand_source(const dsl::Name& name, const Module& module, bool repeated, StageList& out) {
  const Symbol* symbol = module.find(name.text);
  if (symbol && symbol->let) {
    expand_chain(*symbol, repeated, out);
    return;
  }
  auto made = std::make_shared<dsl::NameStage>(name.span);
  made->keyword = made->call.span = name.span;
  made->call.name = name;
  out.stages.push_back({made.get(), &module, repeated});
  out.made.push_back(std::move(made));
}

Position FlowCompiler::stages(Position at, const StageList& list) {
  // A stage before `parse` treats malformed records as that parse would.
  std::vector<runtime::OnError> on_malformed(list.stages.size(), runtime::OnError::dead_letter);
  for (std::size_t i = list.stages.size(); i-- > 1;) {
    const dsl::Stage& behind = *list.stages[i].stage;
    on_malformed[i - 1] =
        behind.kind == StageKind::kParse ? on_error_of(as<dsl::ParseStage>(behind)) : on_malformed[i];
  }
  for (std::size_t i = 0; i < list.stages.size(); ++i) {
    const StageUse& use = list.stages[i];
    if (at.ended) {
      context_.report.add(Code::stage_after_end, use.stage->keyword, "no record comes here")
          .also(at.end, "all of them end here")
          .hint("remove one of the two; a stream that is bound by 'let' can be used several times");
      at.failed = true;
      return at;
    }
    if (use.repeated) ++context_.repeating;
    at = stage(at, use, on_malformed[i]);
    if (use.repeated) --context_.repeating;
    if (context_.too_large) break;
  }
  at.failed = at.failed || list.broken;
  return at;
}

}  // namespace pipec::compiler
