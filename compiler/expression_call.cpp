#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "compiler/expression.h"
#include "compiler/types.h"
#include "pipec/dsl/foreign_words.h"
#include "pipec/dsl/suggest.h"
#include "pipec/runtime/guarded.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::ExprKind;
using runtime::Function;
using runtime::Op;
using runtime::Parameter;
using runtime::Type;
using runtime::TypeSet;
using runtime::Value;

namespace {

constexpr std::size_t kMaxFnParameters = 32;

// Calls the lambda, the last argument, with the other arguments, so that the body of an `fn` sees each
// argument evaluated once.
Value apply_last(runtime::CallContext& context, std::span<const Value> arguments) {
  return context.apply(arguments.size() - 1, arguments.first(arguments.size() - 1));
}

const Function& applier(std::size_t parameters) {
  static const std::deque<Function> kAppliers = [] {
    std::deque<Function> all;
    for (std::size_t count = 0; count <= kMaxFnParameters; ++count) {
      Function& function = all.emplace_back();
      function.name = "fn";
      function.parameters.resize(count + 1);
      function.parameters.back().kind = Parameter::Kind::lambda;
      function.parameters.back().lambda_parameters = static_cast<std::uint8_t>(count);
      function.code = apply_last;
    }
    return all;
  }();
  return kAppliers[parameters];
}

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// True if the argument can replace every use of the parameter: it is free to evaluate and cannot fail.
bool substitutable(const Lowered& argument) {
  switch (argument.expression.op) {
    case Op::constant:
    case Op::local:
    case Op::metadata:
      return true;
    case Op::field:
      return argument.expression.children.empty();
    default:
      return false;
  }
}

std::string signature(const Function& function) {
  std::string result = function.name + "(";
  for (std::size_t i = 0; i < function.parameters.size(); ++i) {
    const Parameter& parameter = function.parameters[i];
    if (i != 0) result += ", ";
    result += parameter.name;
    if (parameter.fallback) result += "?";
  }
  return result + ")";
}

}  // namespace

// Finds the argument of each parameter; null if it is left out. False: reported.
bool ExpressionCompiler::bind_arguments(const dsl::CallExpr& expr, std::size_t parameters,
                                        const std::function<std::string_view(std::size_t)>& name_of,
                                        std::vector<const dsl::Arg*>& bound) {
  bound.assign(parameters, nullptr);
  bool ok = true;
  std::size_t positional = 0;
  for (const dsl::Arg& arg : expr.args) {
    if (!arg.name) {
      if (positional == parameters) {
        error(Code::wrong_argument_count, arg.span,
              "'" + expr.function.text + "' takes " + counted(parameters, "argument") + ", not " +
                  std::to_string(expr.args.size()));
        return false;
      }
      bound[positional++] = &arg;
      continue;
    }
    std::size_t index = 0;
    std::vector<std::string_view> names;
    for (; index < parameters && name_of(index) != arg.name->text; ++index) names.push_back(name_of(index));
    if (index == parameters) {
      auto& diagnostic = error(Code::unknown_option, arg.name->span,
                               "unknown argument '" + arg.name->text + "' for '" + expr.function.text + "'")
                             .hint(dsl::did_you_mean(arg.name->text, names));
      std::string list;
      for (const std::string_view name : names) list += (list.empty() ? "" : ", ") + std::string(name);
      diagnostic.note(names.empty() ? "'" + expr.function.text + "' takes no arguments"
                                    : "'" + expr.function.text + "' takes " + list);
      ok = false;
    } else if (bound[index]) {
      error(Code::duplicate_option, arg.name->span, "'" + arg.name->text + "' is given twice")
          .also(bound[index]->span, "first given here");
      ok = false;
    } else {
      bound[index] = &arg;
    }
  }
  return ok;
}

Lowered ExpressionCompiler::call(const dsl::CallExpr& expr) {
  const Symbol* symbol = module_->find(expr.function.text);
  if (symbol && symbol->fn) return call_fn(expr, *symbol);
  if (is_aggregate(expr)) return aggregate(expr);
  const Function* function = context_.registry.function(expr.function.text);
  if (!function) return unknown_function(expr);
  const bool takes_path = std::any_of(function->parameters.begin(), function->parameters.end(),
                                      [](const Parameter& p) { return p.kind == Parameter::Kind::path; });
  return takes_path ? has(expr) : call_builtin(expr, *function);
}

Lowered ExpressionCompiler::unknown_function(const dsl::CallExpr& expr) {
  ok_ = false;
  const std::string& name = expr.function.text;
  if (const Symbol* symbol = module_->find(name)) {
    error(Code::wrong_kind_of_name, expr.function.span,
          "'" + name + "' is " + describe(symbol->kind) + ", not a function")
        .also(symbol->name.span, "bound here");
    return failure(expr);
  }
  if (!module_->complete) return failure(expr);
  if (const auto* foreign = dsl::foreign_word(name, dsl::ForeignWord::Where::expression)) {
    error(Code::unknown_function, expr.function.span, "unknown function '" + name + "'")
        .hint(std::string(foreign->advice));
    return failure(expr);
  }
  std::vector<std::string_view> candidates;
  for (const Function& function : context_.registry.functions()) candidates.push_back(function.name);
  for (const auto& [key, symbol] : module_->names) {
    if (symbol->fn) candidates.push_back(key);
  }
  error(Code::unknown_function, expr.function.span, "unknown function '" + name + "'")
      .hint(dsl::did_you_mean(name, candidates));
  return failure(expr);
}

Lowered ExpressionCompiler::has(const dsl::CallExpr& expr) {
  const std::string& name = expr.function.text;
  if (expr.args.size() != 1) {
    error(Code::wrong_argument_count, expr.span,
          "'" + name + "' takes 1 argument, not " + std::to_string(expr.args.size()));
    return failure(expr);
  }
  const dsl::Expr& argument = *expr.args[0].value;
  if (argument.kind == ExprKind::kError) {
    ok_ = false;
    return failure(expr);
  }
  if (argument.kind != ExprKind::kPath) {
    error(Code::not_a_field, argument.span, "'" + name + "' takes a path, such as .a.b")
        .note("for a value that is not a field, use 'in' to test for a key: \"a\" in x");
    return failure(expr);
  }
  const auto& path = as<dsl::PathExpr>(argument);
  if (path.meta) {
    // Metadata is null if there is none.
    Lowered value = metadata(path);
    Lowered result = start(Op::not_equal, expr.span);
    result.expression.types = Type::boolean;
    Lowered null = start(Op::constant, expr.span);
    null.expression.types = Type::null;
    std::vector<Lowered> children;
    children.push_back(std::move(value));
    children.push_back(std::move(null));
    assemble(result, std::move(children));
    return result;
  }
  Lowered value = this->path(path);
  if (!value.ok) return value;
  value.expression.op = Op::has;
  value.expression.types = Type::boolean;
  value.expression.place = context_.report.place(expr.span);
  return value;
}

Lowered ExpressionCompiler::lambda(const dsl::LambdaExpr& expr, const Parameter& parameter,
                                   std::uint32_t& first_local) {
  open_scope();
  ++level_;
  first_local = bind(expr.parameter, TypeSet::any().without(Type::duration), nullptr, false);
  // The language's lambdas have one parameter; further values that a function passes go to unnamed locals.
  if (parameter.lambda_parameters > 1) local_count_ += parameter.lambda_parameters - 1U;
  Lowered body = value(*expr.body);
  --level_;
  close_scope();
  if (body.ok && (body.expression.types & parameter.lambda_result).empty()) {
    error(Code::wrong_argument, expr.body->span,
          "this must give " + describe(parameter.lambda_result) + ", not " + describe(body.expression.types));
    body.ok = false;
  }
  if (body.level != Lowered::kNoLevel && body.level > level_) body.level = Lowered::kNoLevel;
  body.has_lambda = true;
  return body;
}

Lowered ExpressionCompiler::call_builtin(const dsl::CallExpr& expr, const Function& function) {
  std::vector<const dsl::Arg*> bound;
  const auto& parameters = function.parameters;
  bool ok = bind_arguments(
      expr, parameters.size(), [&](std::size_t i) { return std::string_view(parameters[i].name); }, bound);
  Lowered result = start(Op::call, expr.span);
  result.expression.function = &function;
  result.expression.lambda_locals.assign(parameters.size(), 0);
  result.pure = function.pure;
  std::vector<Lowered> arguments;
  std::vector<dsl::Span> spans;
  std::string missing;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (!bound[i]) {
      if (!parameter.fallback) missing += (missing.empty() ? "'" : ", '") + parameter.name + "'";
      Lowered left_out = start(Op::constant, expr.span);
      left_out.expression.constant = parameter.fallback.value_or(Value());
      left_out.expression.types = TypeSet(left_out.expression.constant.type());
      arguments.push_back(std::move(left_out));
      spans.push_back(expr.span);
      continue;
    }
    const dsl::Expr& given = *bound[i]->value;
    spans.push_back(given.span);
    if (parameter.kind == Parameter::Kind::lambda) {
      if (given.kind == ExprKind::kLambda) {
        arguments.push_back(
            lambda(as<dsl::LambdaExpr>(given), parameter, result.expression.lambda_locals[i]));
      } else {
        if (given.kind != ExprKind::kError) {
          error(Code::wrong_argument, given.span,
                "'" + function.name + "' takes a function as '" + parameter.name +
                    "', such as x -> x.size > 1");
        }
        ok_ = ok = false;
        arguments.push_back(failure(given));
      }
      continue;
    }
    if (given.kind == ExprKind::kLambda) {
      error(Code::wrong_argument, given.span,
            "'" + function.name + "' takes no function as '" + parameter.name + "'");
      ok = false;
      arguments.push_back(failure(given));
      continue;
    }
    Lowered value = lower(given);
    // Early, so that prepare() sees constant arguments; the result of each step is bounded.
    fold(value, Failing::reported);
    if (value.ok && (value.expression.types & parameter.types).empty()) {
      error(Code::wrong_argument, given.span,
            "'" + function.name + "' takes " + describe(parameter.types) +
                (parameters.size() > 1 ? " as '" + parameter.name + "'" : "") + ", not " +
                describe(value.expression.types));
      value.ok = false;
    }
    arguments.push_back(std::move(value));
  }
  if (!missing.empty() && ok) {
    error(Code::wrong_argument_count, expr.span, "'" + function.name + "' needs " + missing)
        .note("it is called as " + signature(function));
    ok = false;
  }
  for (const Lowered& argument : arguments) ok = ok && argument.ok;
  result.expression.types = function.result;
  if (function.result_like && *function.result_like < arguments.size()) {
    const TypeSet like =
        arguments[*function.result_like].expression.types & parameters[*function.result_like].types;
    result.expression.types = like;
  }
  if (ok) ok = prepare(expr, function, arguments, spans, result);
  remember(result.expression.place, expr.span);
  std::optional<Value> named;  // the value of a constant first argument
  if (!arguments.empty() && arguments[0].constant() &&
      arguments[0].expression.constant.type() == Type::string) {
    named = arguments[0].expression.constant;
  }
  assemble(result, std::move(arguments));
  result.ok = result.ok && ok;
  if (function.pure) fold(result, Failing::reported);
  if (function.name == "env" && result.constant() && result.expression.constant.is_null() && named) {
    result.unset = std::string(named->text());
    note_unset(result.unset, expr.span);
  }
  return result;
}

void ExpressionCompiler::note_unset(const std::string& variable, dsl::Span span) {
  if (variable.empty()) return;
  context_.report.unset_variable(span, variable);
  for (const dsl::Span call : calls_) context_.report.unset_variable(call, variable);
}

bool ExpressionCompiler::prepare(const dsl::CallExpr& expr, const Function& function,
                                 const std::vector<Lowered>& arguments, const std::vector<dsl::Span>& spans,
                                 Lowered& result) {
  if (!function.prepare) return true;
  std::vector<std::optional<Value>> constants(arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool value = function.parameters[i].kind == Parameter::Kind::value;
    if (value && arguments[i].constant()) constants[i] = arguments[i].expression.constant;
  }
  auto prepared = runtime::guarded([&] { return function.prepare(constants); });
  if (prepared.ok()) {
    result.expression.prepared = std::move(*prepared);
    return true;
  }
  // The argument to report: the only rejected one, else the whole call.
  dsl::Span span = expr.span;
  for (std::size_t i = 0; i < constants.size(); ++i) {
    if (!constants[i]) continue;
    std::vector<std::optional<Value>> alone(constants.size());
    alone[i] = constants[i];
    if (runtime::guarded([&] { return function.prepare(alone); }).ok()) continue;
    span = spans[i];
    break;
  }
  error(Code::bad_literal, span, "'" + function.name + "': " + prepared.error().message);
  return false;
}

Lowered ExpressionCompiler::call_fn(const dsl::CallExpr& expr, const Symbol& symbol) {
  const auto& parameters = symbol.fn->parameters;
  std::vector<const dsl::Arg*> bound;
  bool ok = bind_arguments(
      expr, parameters.size(), [&](std::size_t i) { return std::string_view(parameters[i].text); }, bound);
  std::vector<Lowered> arguments;
  std::string missing;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!bound[i]) {
      missing += (missing.empty() ? "'" : ", '") + parameters[i].text + "'";
      arguments.emplace_back();
      continue;
    }
    const dsl::Expr& given = *bound[i]->value;
    arguments.push_back(lower(given));
    fold(arguments.back(), Failing::reported);
    ok = ok && arguments.back().ok;
  }
  if (!missing.empty() && ok) {
    error(Code::wrong_argument_count, expr.span, "'" + symbol.name.text + "' needs " + missing)
        .also(symbol.name.span, "bound here");
    ok = false;
  }
  if (symbol.failed || parameters.size() > kMaxFnParameters || !symbol.fn->body) ok_ = ok = false;
  if (!ok) return failure(expr);

  // Arguments that cost nothing replace the parameters, so that the runtime sees the fields; the others
  // become parameters of a lambda.
  std::vector<std::size_t> evaluated;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!substitutable(arguments[i])) evaluated.push_back(i);
  }
  const std::uint32_t first = local_count_;
  local_count_ += static_cast<std::uint32_t>(evaluated.size());

  const std::size_t outer_visible = std::exchange(visible_, locals_.size());
  const Module* outer_module = std::exchange(module_, symbol.module);
  calls_.push_back(expr.span);
  open_scope();
  ++level_;
  for (std::size_t i = 0, next = first; i < arguments.size(); ++i) {
    Local local;
    local.name = parameters[i].text;
    local.span = parameters[i].span;
    local.level = level_;
    local.types = arguments[i].expression.types;
    if (substitutable(arguments[i])) {
      local.instead = arguments[i];
    } else {
      local.number = static_cast<std::uint32_t>(next++);
    }
    locals_.push_back(std::move(local));
  }
  Lowered body = lower(*symbol.fn->body);
  --level_;
  close_scope();
  calls_.pop_back();
  module_ = outer_module;
  visible_ = outer_visible;
  if (evaluated.empty() || !body.ok) return body;

  if (body.level != Lowered::kNoLevel && body.level > level_) body.level = Lowered::kNoLevel;
  body.has_lambda = true;  // it reads its parameters, so it is not constant on its own
  Lowered result = start(Op::call, expr.span);
  result.expression.function = &applier(evaluated.size());
  result.expression.types = body.expression.types;
  result.expression.lambda_locals.assign(evaluated.size() + 1, 0);
  result.expression.lambda_locals.back() = first;
  std::vector<Lowered> children;
  for (const std::size_t i : evaluated) children.push_back(std::move(arguments[i]));
  children.push_back(std::move(body));
  assemble(result, std::move(children));
  return result;
}

}  // namespace pipec::compiler
