#include "compiler/expression.h"

#include <algorithm>
#include <utility>

#include "compiler/types.h"
#include "pipec/dsl/suggest.h"
#include "pipec/runtime/arena.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::ExprKind;
using runtime::Op;
using runtime::Type;
using runtime::TypeSet;
using runtime::Value;

namespace {

// "IN_FILE": the usual form of exported shell variables.
bool is_variable_name(const std::string& name) {
  return name.size() > 1 && name[0] >= 'A' && name[0] <= 'Z' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

ExpressionCompiler::ExpressionCompiler(Context& context, const Module& module, Where where)
    : context_(context), module_(&module), where_(where), arena_(std::make_shared<runtime::Arena>()) {
  open_scope();
}

ExpressionCompiler::~ExpressionCompiler() {
  close_scope();
}

dsl::Diagnostic& ExpressionCompiler::error(Code code, dsl::Span span, std::string message) {
  ok_ = false;
  auto& diagnostic = context_.report.add(code, span, std::move(message));
  if (!calls_.empty()) diagnostic.also(calls_.front(), "in this call");
  return diagnostic;
}

Lowered ExpressionCompiler::failure(const dsl::Expr& expr) const {
  Lowered result;
  result.ok = false;
  result.expression.place = context_.report.place(expr.span);
  return result;
}

Lowered ExpressionCompiler::start(Op op, dsl::Span place) {
  Lowered result;
  result.expression.op = op;
  result.expression.place = context_.report.place(place);
  return result;
}

bool ExpressionCompiler::enter(dsl::Span span, unsigned levels) {
  if (context_.too_large) return ok_ = false;
  if (depth_ + levels > kMaxDepth) {
    error(Code::program_too_large, span,
          "this is nested too deeply once functions and `else if` are expanded")
        .note("at most " + std::to_string(kMaxDepth) + " levels are possible");
    context_.too_large = true;
    return false;
  }
  if (!calls_.empty() || context_.repeating != 0) {
    if (context_.expansions_left == 0) {
      context_.too_large = true;
      error(Code::program_too_large, calls_.empty() ? span : calls_.front(),
            "the program grows too large when its functions and stage chains are expanded");
      return false;
    }
    --context_.expansions_left;
  }
  depth_ += levels;
  return true;
}

Lowered ExpressionCompiler::value(const dsl::Expr& expr) {
  Lowered result = lower(expr);
  fold(result, Failing::reported);
  return result;
}

Lowered ExpressionCompiler::condition(const dsl::Expr& expr, const char* what) {
  Lowered result = value(expr);
  check_condition(result, expr.span, what);
  return result;
}

std::optional<Value> ExpressionCompiler::constant(const dsl::Expr& expr, const char* what) {
  Lowered result = lower(expr);
  if (!result.ok) return std::nullopt;
  if (fold_required(result)) return result.expression.constant;
  if (result.ok) {
    error(Code::not_constant, expr.span, std::string(what) + " must be known before the first record");
  }
  return std::nullopt;
}

std::shared_ptr<const runtime::Program> ExpressionCompiler::program(Lowered root) {
  auto result = std::make_shared<runtime::Program>();
  result->fields = std::move(fields_);
  result->root = std::move(root.expression);
  result->locals = local_count_;
  result->constants = arena_;
  return result;
}

void ExpressionCompiler::close_scope() {
  const std::size_t begin = scopes_.back();
  for (std::size_t i = begin; i < locals_.size(); ++i) {
    const Local& local = locals_[i];
    if (local.used || !local.warn_unused || local.name.empty() || local.name[0] == '_') continue;
    context_.report.add(Code::unused_local, local.span, "the local '" + local.name + "' is never used")
        .hint("remove it, or call it '_" + local.name + "'");
  }
  locals_.resize(begin);
  scopes_.pop_back();
}

std::uint32_t ExpressionCompiler::bind(const dsl::Name& name, TypeSet types, const Lowered* value,
                                       bool warn_unused) {
  for (std::size_t i = scopes_.back(); i < locals_.size(); ++i) {
    if (locals_[i].name != name.text || name.text.empty()) continue;
    error(Code::bound_twice, name.span, "'" + name.text + "' is already bound")
        .label("bound again here")
        .also(locals_[i].span, "first bound here")
        .hint("choose another name for one of them");
    locals_[i].used = true;
  }
  Local local;
  local.name = name.text;
  local.number = local_count_++;
  local.level = level_;
  local.types = types;
  if (value) local.unset = value->unset;
  local.span = name.span;
  local.warn_unused = warn_unused;
  local.ok = !value || value->ok;
  if (value && value->constant()) local.instead = *value;
  locals_.push_back(std::move(local));
  return locals_.back().number;
}

void ExpressionCompiler::check_condition(const Lowered& value, dsl::Span span, const char* what) {
  if (!value.ok || !(value.expression.types & kCondition).empty()) return;
  auto& diagnostic =
      error(Code::not_a_condition, span,
            std::string("'") + what + "' takes true or false, not " + describe(value.expression.types));
  if (value.expression.op == Op::field || value.expression.op == Op::constant) {
    diagnostic.hint("compare it with something");
  }
}

void ExpressionCompiler::assemble(Lowered& parent, std::vector<Lowered> children) {
  for (const Lowered& child : children) {
    parent.ok = parent.ok && child.ok;
    parent.pure = parent.pure && child.pure;
    parent.has_lambda = parent.has_lambda || child.has_lambda;
    parent.oversized = parent.oversized || child.oversized;
    parent.level = std::min(parent.level, child.level);
  }
  // Maximal constant expressions are folded where they meet a non-constant parent, so each is folded once.
  const bool folds = !parent.closed();
  parent.expression.children.reserve(children.size());
  for (std::size_t i = 0; i < children.size(); ++i) {
    const bool caught = parent.expression.op == Op::catch_error && i == 0;
    if (folds) fold(children[i], caught ? Failing::silent : Failing::reported);
    parent.ok = parent.ok && children[i].ok;
    parent.expression.children.push_back(std::move(children[i].expression));
  }
}

Lowered ExpressionCompiler::lower(const dsl::Expr& expr) {
  if (!enter(expr.span)) return failure(expr);
  Lowered result = lower_kind(expr);
  leave();
  return result;
}

Lowered ExpressionCompiler::lower_kind(const dsl::Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNull:
      return literal(expr, Value());
    case ExprKind::kBool:
      return literal(expr, Value::boolean(as<dsl::BoolExpr>(expr).value));
    case ExprKind::kInt:
      return literal(expr, Value::integer(as<dsl::IntExpr>(expr).value));
    case ExprKind::kFloat:
      return literal(expr, Value::floating(as<dsl::FloatExpr>(expr).value));
    case ExprKind::kDuration:
      return literal(expr, Value::duration(as<dsl::DurationExpr>(expr).nanoseconds));
    case ExprKind::kSize:
      return literal(expr, Value::integer(as<dsl::SizeExpr>(expr).bytes));
    case ExprKind::kString:
      return string(as<dsl::StringExpr>(expr));
    case ExprKind::kName:
      return name(as<dsl::NameExpr>(expr));
    case ExprKind::kPath:
      return path(as<dsl::PathExpr>(expr));
    case ExprKind::kAccess:
      return access(as<dsl::AccessExpr>(expr));
    case ExprKind::kCall:
      return call(as<dsl::CallExpr>(expr));
    case ExprKind::kArray:
      return array(as<dsl::ArrayExpr>(expr));
    case ExprKind::kObject:
      return object(as<dsl::ObjectExpr>(expr));
    case ExprKind::kUnary:
      return unary(as<dsl::UnaryExpr>(expr));
    case ExprKind::kBinary:
      return binary(as<dsl::BinaryExpr>(expr));
    case ExprKind::kLogic:
      return logic(as<dsl::LogicExpr>(expr));
    case ExprKind::kIf:
      return choice(as<dsl::IfExpr>(expr));
    case ExprKind::kLambda:
      error(Code::wrong_type, expr.span,
            "a function of the form 'x -> ...' can only be an argument of one that takes it");
      return failure(expr);
    case ExprKind::kError:
      break;
  }
  // The parser has reported the error.
  ok_ = false;
  return failure(expr);
}

Lowered ExpressionCompiler::literal(const dsl::Expr& expr, Value value) {
  Lowered result = start(Op::constant, expr.span);
  result.expression.constant = value;
  result.expression.types = TypeSet(value.type());
  return result;
}

Lowered ExpressionCompiler::string(const dsl::StringExpr& expr) {
  if (expr.is_plain()) return literal(expr, Value::string(arena_->copy(expr.text())));
  Lowered result = start(Op::interpolate, expr.span);
  result.expression.types = Type::string;
  std::vector<Lowered> children;
  for (const dsl::StringPart& part : expr.parts) {
    if (!part.expr) {
      Lowered text = start(Op::constant, part.span);
      text.expression.constant = Value::string(arena_->copy(part.text));
      text.expression.types = Type::string;
      children.push_back(std::move(text));
      continue;
    }
    children.push_back(lower(*part.expr));
    if (children.back().ok && children.back().expression.types == TypeSet(Type::null)) {
      error(Code::wrong_type, part.expr->span, "null cannot be written into a string")
          .hint("use `??` to say what to write instead");
      children.back().ok = false;
    }
  }
  remember(result.expression.place, expr.span);
  assemble(result, std::move(children));
  return result;
}

Lowered ExpressionCompiler::name(const dsl::NameExpr& expr) {
  for (std::size_t i = locals_.size(); i-- > visible_;) {
    Local& local = locals_[i];
    if (local.name != expr.name) continue;
    local.used = true;
    if (!local.ok) return failure(expr);
    note_unset(local.unset, expr.span);
    if (local.instead) {
      Lowered result = *local.instead;
      result.expression.place = context_.report.place(expr.span);
      return result;
    }
    Lowered result = start(Op::local, expr.span);
    result.expression.local = local.number;
    result.expression.types = local.types;
    result.level = local.level;
    return result;
  }
  ok_ = false;
  if (const Symbol* symbol = module_->find(expr.name)) {
    auto& diagnostic = error(Code::wrong_kind_of_name, expr.span,
                             "'" + expr.name + "' is " + describe(symbol->kind) + ", not a value")
                           .also(symbol->name.span, "bound here");
    if (symbol->fn) diagnostic.hint("call it: " + expr.name + "(...)");
    return failure(expr);
  }
  if (!module_->complete) return failure(expr);
  std::vector<std::string_view> candidates;
  for (std::size_t i = visible_; i < locals_.size(); ++i) candidates.push_back(locals_[i].name);
  std::string hint = dsl::did_you_mean(expr.name, candidates);
  if (hint.empty()) {
    hint = context_.registry.function(expr.name) ? "call it: " + expr.name + "(...)"
           : is_variable_name(expr.name) ? "write env(\"" + expr.name + "\") for the environment variable"
           : where_ == Where::compiler
               ? "write \"" + expr.name + "\" for the text"
               : "write ." + expr.name + " for the field, \"" + expr.name + "\" for the text";
  }
  error(Code::unknown_name, expr.span, "unknown name '" + expr.name + "'").hint(std::move(hint));
  return failure(expr);
}

Lowered ExpressionCompiler::array(const dsl::ArrayExpr& expr) {
  Lowered result = start(Op::array, expr.span);
  result.expression.types = Type::array;
  std::vector<Lowered> items;
  items.reserve(expr.items.size());
  bool constant = true;
  for (const auto& item : expr.items) {
    items.push_back(lower(*item));
    constant = constant && items.back().constant();
  }
  if (!constant) {
    assemble(result, std::move(items));
    return result;
  }
  Value* values = arena_->allocate_array<Value>(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) new (values + i) Value(items[i].expression.constant);
  return literal(expr, Value::built_array(values, static_cast<std::uint32_t>(items.size())));
}

Lowered ExpressionCompiler::object(const dsl::ObjectExpr& expr) {
  Lowered result = start(Op::object, expr.span);
  result.expression.types = Type::object;
  std::vector<Lowered> values;
  std::vector<std::string> keys;
  std::unordered_map<std::string_view, std::size_t> index;  // into both
  bool constant = true;
  for (const dsl::ObjectMember& member : expr.members) {
    Lowered value = lower(*member.value);
    constant = constant && value.constant();
    const auto [found, is_new] = index.emplace(member.key.text, values.size());
    if (is_new) {
      keys.push_back(member.key.text);
      values.push_back(std::move(value));
    } else {
      values[found->second] = std::move(value);  // the last one counts
    }
  }
  if (!constant) {
    result.expression.keys = std::move(keys);
    assemble(result, std::move(values));
    return result;
  }
  auto* members = arena_->allocate_array<runtime::Member>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    new (members + i) runtime::Member{arena_->copy(keys[i]), values[i].expression.constant};
  }
  return literal(expr, Value::built_object(members, static_cast<std::uint32_t>(values.size())));
}

}  // namespace pipec::compiler
