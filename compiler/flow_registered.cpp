// Stages of the registry: `NAME(options) { name = expression }`.
#include <algorithm>
#include <utility>

#include "compiler/aggregates.h"
#include "compiler/failing.h"
#include "compiler/flow.h"
#include "compiler/references.h"
#include "pipec/dsl/foreign_words.h"
#include "pipec/dsl/format.h"
#include "pipec/dsl/suggest.h"
#include "pipec/runtime/guarded.h"
#include "pipec/runtime/json.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using runtime::OnError;
using runtime::OptionSpec;
using runtime::StageSpec;

namespace {

constexpr std::string_view kKeywords[] = {"filter", "parse", "transform", "route", "sink", "drop"};

// The canonical text of a constant option: 60m is 1h.
std::string constant_text(const runtime::Value& value) {
  if (value.type() == runtime::Type::duration) {
    struct Unit {
      std::int64_t nanoseconds;
      const char* name;
    };
    constexpr Unit kUnits[] = {{86'400'000'000'000, "d"}, {3'600'000'000'000, "h"}, {60'000'000'000, "m"},
                               {1'000'000'000, "s"},      {1'000'000, "ms"},        {1, "ns"}};
    for (const Unit& unit : kUnits) {
      if (value.as_int() % unit.nanoseconds == 0) {
        return std::to_string(value.as_int() / unit.nanoseconds) + unit.name;
      }
    }
  }
  runtime::BufferPool pool;
  const runtime::BufferRef text = pool.get(64);
  runtime::append_json(value, *text);
  return std::string(text->view());
}

// The file's own functions that an expression calls, and those that they call, in canonical form.
void append_functions(const Report& report, const Module& module, const dsl::Expr& expr,
                      std::vector<const Symbol*>& seen, std::string& out) {
  std::vector<Reference> references;
  references_of(expr, references);
  for (const Reference& reference : references) {
    const Symbol* symbol = reference.call ? module.find(*reference.name) : nullptr;
    if (!symbol || !symbol->fn || !symbol->fn->body) continue;
    if (std::find(seen.begin(), seen.end(), symbol) != seen.end()) continue;
    seen.push_back(symbol);
    out += out.empty() ? " with fn " : ", fn ";
    out += symbol->name.text + "(";
    for (std::size_t i = 0; i < symbol->fn->parameters.size(); ++i) {
      out += (i == 0 ? "" : ", ") + symbol->fn->parameters[i].text;
    }
    const dsl::Expr& body = *symbol->fn->body;
    out += ") = " + dsl::format_expression(report.file(body.span.file), body);
    append_functions(report, *symbol->module, body, seen, out);
  }
}

}  // namespace

void FlowCompiler::unknown_stage(const dsl::NameStage& stage, const Module& module) {
  const dsl::Name& name = stage.call.name;
  // A text with errors may have meant to bind it; what takes options can be no chain.
  if (!module.complete && !stage.has_arguments() && !stage.block) return;
  std::string hint = dsl::foreign_stage_advice(name.text);
  const Symbol* own = module.find(name.text);
  if (hint.empty() && ((own && own->fn) || context_.registry.function(name.text))) {
    hint = "call a function within a stage: transform { .a = " + name.text + "(.a) }";
  }
  if (hint.empty() && (context_.registry.sink(name.text) || context_.registry.receiver(name.text))) {
    hint = "write a connector after its keyword: sink " + name.text + "(...)";
  }
  if (hint.empty()) {
    std::vector<std::string_view> known(std::begin(kKeywords), std::end(kKeywords));
    for (const auto& [bound, symbol] : module.names) {
      if (symbol->kind == Symbol::Kind::chain) known.push_back(bound);
    }
    for (const StageSpec& spec : context_.registry.stages()) known.push_back(spec.name);
    hint = dsl::did_you_mean(name.text, known);
  }
  std::string list;
  for (const StageSpec& spec : context_.registry.stages()) list += ", " + spec.name;
  context_.report.add(Code::unknown_stage, name.span, "unknown stage '" + name.text + "'")
      .hint(std::move(hint))
      .note("stages are filter, parse, transform, route, sink, drop, chains bound by let" + list);
}

void FlowCompiler::registered(graph::Node& node, Position& at, const StageUse& use, OnError on_malformed) {
  const auto& stage = as<dsl::NameStage>(*use.stage);
  const StageSpec& spec = *context_.registry.stage(stage.call.name.text);
  node.name = spec.name;
  const bool takes_block = spec.block != StageSpec::Block::none;
  const bool aggregates = spec.block == StageSpec::Block::aggregates;
  if (stage.block && !takes_block) {
    context_.report.add(Code::unexpected_token, stage.block->span, "'" + spec.name + "' takes no block");
  } else if (takes_block && !stage.block) {
    context_.report.add(Code::missing_option, stage.keyword,
                        "'" + spec.name + "' needs a block: { name = expression }");
  }
  CompiledOptions compiled =
      compile_options(context_, *use.module, stage.call, spec.options, spec.positional, spec.name,
                      Where::record, takes_block && !aggregates && stage.block ? &*stage.block : nullptr);
  if (aggregates && stage.block && compiled.options) {
    compile_aggregates(context_, *use.module, spec, *stage.block, compiled);
  }
  node.detail = compiled.text;
  if (takes_block && stage.block) {
    node.detail += (node.detail.empty() ? "" : " ") + context_.report.line(stage.block->span, kDetailWidth);
  }
  const bool reads_record = !compiled.reads.empty();
  reads(node, at, compiled.reads, true);
  if (compiled.options && spec.check) {
    const runtime::Status status = runtime::guarded([&] { return spec.check(*compiled.options); });
    if (!status) {
      context_.report.add(Code::refused_option, stage.call.name.span,
                          spec.name + ": " + status.error().message);
      compiled.options = nullptr;
    }
  }
  if (!compiled.options) return;
  std::vector<std::string> failures = std::move(compiled.failures);
  if (spec.refusals) {
    for (std::string& refusal : spec.refusals(*compiled.options)) add_once(failures, std::move(refusal));
  }
  if (spec.facts) {
    for (std::string& fact : spec.facts(*compiled.options)) node.facts.push_back(std::move(fact));
  }
  const bool malformed = reads_record && !at.validated && on_malformed == OnError::dead_letter;
  can_dead_letter(node, stage.keyword, malformed, std::move(failures));
  if (!spec.keeps_records) at.object = false;
  runtime::StageSetup setup;
  setup.on_malformed = on_malformed;
  setup.clock = connectors_.clock;
  if (spec.kind == StageSpec::Kind::ordered) {
    node.kind = graph::Node::Kind::ordered;
    node.make_ordered = [make = spec.make_ordered, options = compiled.options,
                         setup](const graph::RunServices& run) {
      runtime::StageSetup with_clock = setup;
      with_clock.clock = run.clock;
      return make(*options, with_clock);
    };
    if (keeps_state_ && keep_state(node, at, use, spec, *compiled.options)) {
      node.meaning = meaning(use, spec, *compiled.options);
    }
    return;
  }
  auto made = runtime::guarded([&] { return spec.make(*compiled.options, setup); });
  if (made && !*made) made = runtime::Error::make(runtime::ErrorCode::plan, "its factory returned nothing");
  if (!made.ok()) {
    context_.report.add(Code::refused_option, stage.call.name.span, spec.name + ": " + made.error().message);
    return;
  }
  node.stage = std::move(*made);
}

bool FlowCompiler::keep_state(graph::Node& node, const Position& at, const StageUse& use,
                              const StageSpec& spec, const runtime::Options& options) {
  const dsl::Span span = as<dsl::NameStage>(*use.stage).call.name.span;
  if (plan_.commit == graph::CommitMode::sink) {
    context_.report.add(Code::state_not_kept, span, "'" + spec.name + "' cannot be used with 'commit sink'")
        .note(
            "its state is saved together with the positions it comes from, and here the sink chooses when "
            "those commit")
        .hint("leave out 'commit sink'");
    return false;
  }
  if (!at.elsewhere.empty()) {
    context_.report
        .add(Code::state_not_kept, span, "'" + spec.name + "' cannot be used after '" + at.elsewhere + "'")
        .note("its state is saved together with the positions it comes from, and those of " + at.elsewhere +
              " are kept elsewhere: after a crash records would count twice or be lost");
    return false;
  }
  const std::string name(options.string(runtime::kStateOption, spec.name));
  const auto [first, is_new] = stage_states_.emplace(name, span);
  if (!is_new) {
    auto& diagnostic = context_.report.add(Code::same_state, span,
                                           "two stages keep their state under the name '" + name + "'");
    if (first->second == span) {
      diagnostic.label("the chain that holds this stage is used twice");
    } else {
      diagnostic.also(first->second, "the other one");
    }
    diagnostic.hint(first->second == span ? "write the stage out in both places, each with its own name"
                                          : "give one of them another name: " + spec.name +
                                                "(..., state: \"" + spec.name + "-2\")");
    return false;
  }
  node.state_key = state_key("stage." + name);
  return true;
}

// The settings that the state depends on, in a canonical form: the options in declaration order, with the
// functions of the file that they call.
std::string FlowCompiler::meaning(const StageUse& use, const StageSpec& spec,
                                  const runtime::Options& options) {
  const auto& stage = as<dsl::NameStage>(*use.stage);
  std::vector<const dsl::Arg*> given(spec.options.size(), nullptr);
  std::size_t next = 0;
  for (const dsl::Arg& arg : stage.call.args) {
    std::size_t index = next;
    if (arg.name) {
      const auto same = [&](const OptionSpec& option) { return option.name == arg.name->text; };
      index = static_cast<std::size_t>(std::find_if(spec.options.begin(), spec.options.end(), same) -
                                       spec.options.begin());
    } else {
      ++next;
    }
    if (index < given.size()) given[index] = &arg;
  }
  std::string text;
  std::string functions;
  std::vector<const Symbol*> seen;
  const auto append = [&](const std::string& label, const dsl::Expr& expr, const std::string& value) {
    text += (text.empty() ? "" : ", ") + label + value;
    append_functions(context_.report, *use.module, expr, seen, functions);
  };
  for (std::size_t i = 0; i < spec.options.size(); ++i) {
    const OptionSpec& option = spec.options[i];
    if (!given[i] || option.name == runtime::kStateOption) continue;
    const runtime::Options::Item* item = options.find(option.name);
    const dsl::Expr& expr = *given[i]->value;
    const bool constant =
        option.kind == OptionSpec::Kind::constant || option.kind == OptionSpec::Kind::choice;
    if (option.fallback && constant && constant_text(item->value) == constant_text(*option.fallback))
      continue;
    append(i < spec.positional ? "" : option.name + ": ", expr,
           constant ? constant_text(item->value)
                    : dsl::format_expression(context_.report.file(expr.span.file), expr));
  }
  std::string block;
  if (stage.block) {
    for (const dsl::Assignment& each : stage.block->assignments) {
      block += (block.empty() ? "" : "; ") + each.name.text + " = " +
               dsl::format_expression(context_.report.file(each.value->span.file), *each.value);
      append_functions(context_.report, *use.module, *each.value, seen, functions);
    }
    block = " { " + block + " }";
  }
  return spec.name + "(" + text + ")" + block + functions;
}

}  // namespace pipec::compiler
