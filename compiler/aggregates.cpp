#include "compiler/aggregates.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/failing.h"
#include "compiler/references.h"
#include "compiler/types.h"
#include "pipec/dsl/suggest.h"

namespace pipec::compiler {

using dsl::Code;
using runtime::Function;
using runtime::Options;
using runtime::Type;
using runtime::TypeSet;

const Function* Aggregating::find(const std::string& name) const {
  const auto found =
      std::find_if(functions.begin(), functions.end(), [&](const auto& f) { return f.name == name; });
  return found == functions.end() ? nullptr : &*found;
}

// A function of that name around an aggregate is the ordinary one: max(collect(.ms)). Aggregates whose names
// ordinary functions have too do not tell: sum(max(.list)) is the sum of lists' maxima.
bool ExpressionCompiler::is_aggregate(const dsl::CallExpr& expr) const {
  if (!aggregating_ || !calls_.empty() || !aggregating_->find(expr.function.text)) return false;
  std::vector<Reference> references;
  for (const dsl::Arg& arg : expr.args) {
    if (arg.value) references_of(*arg.value, references);
  }
  const bool has_ordinary = context_.registry.function(expr.function.text) != nullptr;
  return std::ranges::none_of(references, [&](const Reference& each) {
    return has_ordinary && each.call && aggregating_->find(*each.name) &&
           !context_.registry.function(*each.name);
  });
}

Lowered ExpressionCompiler::aggregate(const dsl::CallExpr& expr) {
  const Function& function = *aggregating_->find(expr.function.text);
  const auto& parameters = function.parameters;
  std::vector<const dsl::Arg*> bound;
  bool ok = bind_arguments(
      expr, parameters.size(), [&](std::size_t i) { return std::string_view(parameters[i].name); }, bound);
  Options::Call call;
  call.function = &function;
  call.place = context_.report.place(expr.span);
  TypeSet argument = TypeSet::any();
  for (std::size_t i = 0; i < parameters.size() && ok; ++i) {
    if (!bound[i] && !parameters[i].fallback) {
      error(Code::wrong_argument_count, expr.span,
            "'" + function.name + "' needs '" + parameters[i].name + "'");
      ok = false;
    } else if (i == 0) {
      ok = !bound[i] || aggregated(function, *bound[i]->value, call, argument);
    } else {
      ok = setting(function, i, bound[i], call);
    }
  }
  if (!ok) {
    ok_ = false;
    return failure(expr);
  }
  // Its result is known before the expression is evaluated: an outermost local.
  Lowered result = start(runtime::Op::local, expr.span);
  result.expression.local = call.local = local_count_++;
  result.expression.types = function.result.has(Type::null) && function.result == parameters[0].types
                                ? (argument & function.result) | Type::null
                                : function.result;
  result.level = 0;
  aggregating_->calls.push_back(std::move(call));
  return result;
}

// The argument that is evaluated for each record.
bool ExpressionCompiler::aggregated(const Function& function, const dsl::Expr& expr, Options::Call& call,
                                    TypeSet& types) {
  ExpressionCompiler compiler(context_, *module_, Where::record);
  Lowered value = compiler.value(expr);
  if (!compiler.ok() || !value.ok) return false;
  types = value.expression.types;
  const TypeSet taken = function.parameters[0].types;
  if ((types & taken).empty()) {
    error(
        Code::wrong_argument, expr.span,
        "'" + function.name + "' takes " + describe(taken.without(Type::null)) + ", not " + describe(types));
    return false;
  }
  for (const std::string& path : compiler.reads()) add_once(aggregating_->reads, path);
  failures_of(value.expression, aggregating_->failures);
  call.argument = compiler.program(std::move(value));
  return true;
}

// One of the constants after it.
bool ExpressionCompiler::setting(const Function& function, std::size_t i, const dsl::Arg* arg,
                                 Options::Call& call) {
  const runtime::Parameter& parameter = function.parameters[i];
  if (!arg) {
    call.constants.push_back(*parameter.fallback);
    return true;
  }
  ExpressionCompiler compiler(context_, *module_, Where::compiler);
  const std::string label = "'" + parameter.name + "'";
  const auto value = compiler.constant(*arg->value, label.c_str());
  if (!value) return false;
  if (!parameter.types.has(value->type()) || value->is_beyond()) {
    error(Code::wrong_argument, arg->value->span,
          "'" + function.name + "' takes " + describe(parameter.types) + " as " + label + ", not " +
              describe(TypeSet(value->type())));
    return false;
  }
  call.constants.push_back(*value);
  return true;
}

void compile_aggregates(Context& context, const Module& module, const runtime::StageSpec& stage,
                        const dsl::AssignmentBlock& block, CompiledOptions& compiled) {
  struct Known {
    dsl::Name name;
    TypeSet types;
  };
  Options& options = *compiled.options;
  const TypeSet anything = TypeSet::any().without(Type::duration);
  std::vector<Known> known;
  for (const Options::Item& item : options.items) {
    for (const Options::Item& part : item.parts) known.push_back({{part.name, block.span}, anything});
  }
  if (stage.group_names) {
    for (std::string& name : stage.group_names(options)) {
      known.push_back({{std::move(name), block.span}, Type::timestamp});
    }
  }
  const std::size_t given = known.size();
  bool failed = false;
  for (const dsl::Assignment& each : block.assignments) {
    const auto same = [&](const Known& other) { return other.name.text == each.name.text; };
    const auto first = std::find_if(known.begin(), known.end(), same);
    if (first != known.end()) {
      const bool twice = first >= known.begin() + static_cast<std::ptrdiff_t>(given);
      auto& diagnostic = context.report.add(
          Code::bound_twice, each.name.span,
          "'" + each.name.text +
              (twice ? "' is set twice" : "' is the name of a field that '" + stage.name + "' makes"));
      if (twice) diagnostic.also(first->name.span, "first set here");
      failed = true;
      continue;
    }
    Options::Item item;
    item.name = each.name.text;
    item.place = context.report.place(each.value->span);
    Aggregating aggregating{stage.aggregates, item.calls, compiled.reads, compiled.failures};
    ExpressionCompiler compiler(context, module, Where::group);
    for (const Known& name : known) compiler.bind(name.name, name.types, nullptr, false);
    compiler.let_aggregate(aggregating);
    Lowered value = compiler.value(*each.value);
    if (!compiler.ok() || !value.ok) failed = true;
    known.push_back({each.name, value.ok ? value.expression.types : TypeSet::any()});
    failures_of(value.expression, compiled.failures);
    item.program = compiler.program(std::move(value));
    options.assignments.push_back(std::move(item));
  }
  if (failed) compiled.options = nullptr;
}

}  // namespace pipec::compiler
