#include <algorithm>
#include <utility>

#include "compiler/block.h"
#include "compiler/expression.h"
#include "compiler/failing.h"
#include "compiler/flow.h"
#include "compiler/needed_fields.h"
#include "pipec/dsl/suggest.h"
#include "pipec/runtime/guarded.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::ExprKind;
using dsl::StageKind;
using runtime::OnError;

namespace {

std::string listed(const std::vector<std::string>& items) {
  constexpr std::size_t kShown = 12;
  std::string result;
  for (std::size_t i = 0; i < items.size() && i < kShown; ++i) {
    if (i != 0) result += ", ";
    result += items[i];
  }
  if (items.size() > kShown) result += " and " + std::to_string(items.size() - kShown) + " more";
  return result;
}

}  // namespace

OnError FlowCompiler::on_error_of(const dsl::ParseStage& parse) {
  for (const dsl::Arg& arg : parse.format.args) {
    if (!arg.name || arg.name->text != "on_error" || !arg.value) continue;
    std::string choice;
    if (arg.value->kind == ExprKind::kName) choice = as<dsl::NameExpr>(*arg.value).name;
    if (arg.value->kind == ExprKind::kString) choice = as<dsl::StringExpr>(*arg.value).text();
    if (choice == "skip") return OnError::skip;
    if (choice == "fail") return OnError::fail;
  }
  return OnError::dead_letter;
}

void FlowCompiler::reads(graph::Node& node, const Position& at, const std::vector<std::string>& paths,
                         bool touched) {
  if (paths.empty()) {
    if (!touched) node.facts.push_back("reads no field");
    return;
  }
  node.facts.push_back("reads " + listed(paths) +
                       (at.validated ? " from validated records" : " on demand: only as far as needed"));
}

void FlowCompiler::can_dead_letter(graph::Node& node, dsl::Span span, bool malformed,
                                   std::vector<std::string> failures) {
  if (malformed) failures.insert(failures.begin(), "a record that is malformed");
  if (failures.empty()) {
    node.facts.push_back("cannot dead-letter");
    return;
  }
  std::string how;
  for (const std::string& failure : failures) how += (how.empty() ? "" : "; ") + failure;
  node.facts.push_back("can dead-letter: " + how);
  node.can_dead_letter = true;
  dead_letter_sources_.push_back({span, malformed});
}

Position FlowCompiler::stage(Position at, const StageUse& use, OnError on_malformed) {
  const dsl::Stage& stage = *use.stage;
  graph::Node node;
  node.place = context_.report.place(stage.keyword);
  const auto end = [&] {
    at.ended = true;
    at.end = stage.keyword;
  };
  switch (stage.kind) {
    case StageKind::kFilter:
      filter(node, at, use, on_malformed);
      break;
    case StageKind::kParse:
      parse(node, at, use);
      break;
    case StageKind::kTransform:
      transform(node, at, use, on_malformed);
      break;
    case StageKind::kRoute: {
      Position behind = route(std::move(node), at, use, on_malformed);
      behind.ended = true;
      behind.end = stage.keyword;
      return behind;
    }
    case StageKind::kSink:
      sink(node, at, as<dsl::SinkStage>(stage), *use.module);
      end();
      break;
    case StageKind::kDrop:
      node.kind = graph::Node::Kind::drop;
      node.name = "drop";
      end();
      break;
    case StageKind::kName: {  // registered: expand() has inlined chains
      const auto& named = as<dsl::NameStage>(stage);
      if (!context_.registry.stage(named.call.name.text)) {
        unknown_stage(named, *use.module);
        at.failed = true;
        return at;
      }
      registered(node, at, use, on_malformed);
      break;
    }
  }
  const std::uint32_t number = add(std::move(node));
  attach(at, number);
  at.node = number;
  return at;
}

void FlowCompiler::filter(graph::Node& node, Position& at, const StageUse& use, OnError on_malformed) {
  const auto& stage = as<dsl::FilterStage>(*use.stage);
  node.name = "filter";
  node.detail = context_.report.line(stage.condition->span, kDetailWidth);
  ExpressionCompiler expressions(context_, *use.module, Where::record);
  Lowered condition = expressions.condition(*stage.condition, "filter");
  runtime::FilterOptions options;
  options.on_malformed = on_malformed;
  std::vector<std::string> failures;
  failures_of_condition(condition.expression, failures);
  bool ok = expressions.ok() && condition.ok;
  if (stage.otherwise == dsl::FilterStage::Else::kDlq) {
    options.otherwise = runtime::FilterOptions::Else::dead_letter;
    options.dead_letter_reason = "filter " + node.detail + " does not hold";
    if (stage.reason) {
      ExpressionCompiler constants(context_, *use.module, Where::compiler);
      const auto reason = constants.constant(*stage.reason, "the reason");
      ok = ok && reason;
      if (reason && reason->type() == runtime::Type::string)
        options.dead_letter_reason = std::string(reason->text());
    }
    failures.push_back("a record that does not pass");
  }
  reads(node, at, expressions.reads(), false);
  const bool malformed = expressions.reads_record() && !at.validated && on_malformed == OnError::dead_letter;
  can_dead_letter(node, stage.keyword, malformed, std::move(failures));
  if (!ok) return;
  options.condition = expressions.program(std::move(condition));
  node.needed_fields = needed_fields(*options.condition);
  if (expressions.reads_record())
    node.facts.insert(node.facts.end() - 1, runtime::explain_filter(*options.condition));
  node.stage = runtime::make_filter(std::move(options));
  node.trusted = true;
}

void FlowCompiler::parse(graph::Node& node, Position& at, const StageUse& use) {
  const auto& stage = as<dsl::ParseStage>(*use.stage);
  const dsl::Name& name = stage.format.name;
  node.name = "parse " + name.text;
  at.validated = true;
  const runtime::FormatSpec* format = context_.registry.format(name.text);
  if (!format || !format->parse) {
    if (name.text.empty()) return;
    std::vector<std::string_view> known;
    std::string list;
    for (const runtime::FormatSpec& each : context_.registry.formats()) {
      if (!each.parse) continue;
      known.push_back(each.name);
      list += (list.empty() ? "" : ", ") + each.name;
    }
    context_.report.add(Code::unknown_connector, name.span, "unknown format '" + name.text + "'")
        .hint(dsl::did_you_mean(name.text, known))
        .note("parse takes " + list);
    return;
  }
  const runtime::FormatSpec::Parse* const spec = &*format->parse;
  CompiledOptions options = compile_options(context_, *use.module, stage.format, spec->options,
                                            spec->positional, node.name, Where::compiler);
  node.detail = options.text;
  at.object = spec->makes_strings;
  if (!options.options) return;
  auto made = runtime::guarded([&] { return spec->make(*options.options); });
  if (made && !*made) made = runtime::Error::make(runtime::ErrorCode::plan, "its factory returned nothing");
  if (!made.ok()) {
    context_.report.add(Code::refused_option, name.span, node.name + ": " + made.error().message);
    return;
  }
  node.stage = std::shared_ptr<const runtime::Stage>(std::move(*made));
  const std::string_view on_error = options.options->string("on_error", "dlq");
  node.facts.push_back("parses each batch once and validates whole records");
  const bool typed = options.options->string("types") == "auto" || options.options->given("from");
  if (spec->makes_strings && !typed) node.facts.push_back("its fields are strings");
  if (spec->can_fail && on_error == "dlq") {
    node.can_dead_letter = true;
    node.facts.push_back("can dead-letter: a record that does not parse");
    dead_letter_sources_.push_back({stage.keyword, true});
  } else {
    node.facts.push_back(!spec->can_fail      ? "cannot dead-letter: every record parses"
                         : on_error == "skip" ? "a record that does not parse is skipped"
                                              : "a record that does not parse fails its batch and the run");
  }
}

void FlowCompiler::transform(graph::Node& node, Position& at, const StageUse& use, OnError on_malformed) {
  const auto& stage = as<dsl::TransformStage>(*use.stage);
  node.name = "transform";
  const std::string text = context_.report.line(stage.block.span, kDetailWidth + 4);
  node.detail =
      text.size() > 1 && text.front() == '{' ? text.substr(text.size() > 2 && text[1] == ' ' ? 2 : 1) : text;
  if (!node.detail.empty() && node.detail.back() == '}') node.detail.pop_back();
  while (!node.detail.empty() && node.detail.back() == ' ') node.detail.pop_back();
  CompiledBlock block = compile_block(context_, *use.module, stage.block);
  if (!block.reads.empty()) reads(node, at, block.reads, true);
  if (!block.writes.empty()) node.facts.push_back("sets " + listed(block.writes));
  if (!block.removes.empty()) node.facts.push_back("removes " + listed(block.removes));
  if (!block.keeps.empty()) node.facts.push_back("keeps only " + listed(block.keeps));
  if (block.emits) node.facts.push_back("may emit several records for one");
  if (block.drops) node.facts.push_back("may drop a record");
  if (at.object) {
    const auto known = [](const std::string& failure) { return failure == kNoObject; };
    block.failures.erase(std::remove_if(block.failures.begin(), block.failures.end(), known),
                         block.failures.end());
  }
  const bool malformed = block.touches_record && !at.validated && on_malformed == OnError::dead_letter;
  can_dead_letter(node, stage.keyword, malformed, std::move(block.failures));
  at.object = block.gives_object && !block.emits;
  if (!block.program) return;
  if (block.touches_record) {
    node.facts.insert(node.facts.end() - 1, runtime::explain_transform(*block.program));
  }
  runtime::TransformOptions options;
  options.program = std::move(block.program);
  options.on_malformed = on_malformed;
  node.stage = runtime::make_transform(std::move(options));
  node.trusted = true;
}

Position FlowCompiler::route(graph::Node node, Position at, const StageUse& use, OnError on_malformed) {
  const auto& stage = as<dsl::RouteStage>(*use.stage);
  node.kind = graph::Node::Kind::route;
  node.name = "route";
  node.detail = std::to_string(stage.arms.size() + 1) + (stage.arms.empty() ? " arm" : " arms");
  runtime::RouteOptions options;
  options.on_malformed = on_malformed;
  bool ok = true;
  std::vector<std::string> failures;
  std::vector<std::string> paths;
  for (const dsl::RouteArm& arm : stage.arms) {
    ExpressionCompiler expressions(context_, *use.module, Where::record);
    Lowered condition = expressions.condition(*arm.condition, "route");
    node.arms.push_back(context_.report.line(arm.condition->span, kDetailWidth));
    failures_of_condition(condition.expression, failures);
    for (const std::string& path : expressions.reads()) add_once(paths, path);
    ok = ok && expressions.ok() && condition.ok;
    options.conditions.push_back(expressions.program(std::move(condition)));
  }
  node.arms.push_back("else");
  reads(node, at, paths, false);
  const bool malformed = !paths.empty() && !at.validated && on_malformed == OnError::dead_letter;
  can_dead_letter(node, stage.keyword, malformed, std::move(failures));
  if (ok && !paths.empty()) {
    node.facts.insert(node.facts.end() - 1, runtime::explain_route(options.conditions));
  }
  if (ok) node.router = runtime::make_route(std::move(options));
  node.trusted = true;
  const std::uint32_t number = add(std::move(node));
  attach(at, number);
  at.node = number;
  const auto arm = [&](const dsl::Chain& chain) {
    StageList list;
    expand(chain, *use.module, use.repeated, list);
    must_end(stages(at, list), list, chain.span, "arm");
  };
  for (const dsl::RouteArm& each : stage.arms) arm(each.chain);
  if (stage.otherwise) arm(*stage.otherwise);
  return at;
}

}  // namespace pipec::compiler
