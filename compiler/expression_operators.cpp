#include <algorithm>
#include <utility>

#include "compiler/expression.h"
#include "compiler/types.h"

namespace pipec::compiler {

using dsl::BinaryOp;
using dsl::Code;
using runtime::Op;
using runtime::Type;
using runtime::TypeSet;

namespace {

// `and` and `or` are binary. Ten thousand operands form a tree of depth fourteen, still evaluated from the
// left.
runtime::Expression balanced(const runtime::Expression& like, runtime::Expression* operands,
                             std::size_t count) {
  if (count == 1) return std::move(*operands);
  runtime::Expression result;
  result.op = like.op;
  result.types = like.types;
  result.place = like.place;
  result.children.reserve(2);
  result.children.push_back(balanced(like, operands, count / 2));
  result.children.push_back(balanced(like, operands + count / 2, count - count / 2));
  return result;
}

}  // namespace

Lowered ExpressionCompiler::unary(const dsl::UnaryExpr& expr) {
  const bool negates = expr.op == dsl::UnaryOp::kNegate;
  Lowered result = start(negates ? Op::negate : Op::logical_not, expr.op_span);
  Lowered operand = lower(*expr.operand);
  const TypeSet types = operand.expression.types;
  if (negates) {
    const TypeSet taken = TypeSet::number() | Type::duration;
    result.expression.types = types & taken;
    if (operand.ok && result.expression.types.empty()) {
      error(Code::wrong_type, expr.span, "'-' takes a number or a duration, not " + describe(types));
      return failure(expr);
    }
  } else {
    check_condition(operand, expr.operand->span, "not");
    result.expression.types = Type::boolean;
  }
  remember(result.expression.place, expr.span);
  std::vector<Lowered> children;
  children.push_back(std::move(operand));
  assemble(result, std::move(children));
  return result;
}

Lowered ExpressionCompiler::binary(const dsl::BinaryExpr& expr) {
  if (expr.op == BinaryOp::kCatch) ++catching_;
  Lowered left = lower(*expr.left);
  if (expr.op == BinaryOp::kCatch) --catching_;
  Lowered right = lower(*expr.right);
  if (expr.op == BinaryOp::kMatches) return match(expr, std::move(left), std::move(right));

  Lowered result = start(lowered(expr.op), expr.op_span);
  const TypeSet types = result_of(expr.op, left.expression.types, right.expression.types);
  const bool known = left.ok && right.ok;
  if (known && types.empty()) {
    const std::string left_text = describe(left.expression.types);
    const std::string right_text = describe(right.expression.types);
    auto& diagnostic =
        error(
            Code::wrong_type, expr.span,
            std::string("'") + dsl::to_string(expr.op) + "' cannot take " + left_text + " and " + right_text)
            .note(std::string("'") + dsl::to_string(expr.op) + "' takes " + operands_of(expr.op));
    if (expr.op == BinaryOp::kAdd && (left.expression.types | right.expression.types).has(Type::string)) {
      diagnostic.hint("\"${...}\" writes any value into a string");
    }
    return failure(expr);
  }
  if (known) warn_always(expr, left.expression.types, right.expression.types);
  result.expression.types = types;
  remember(result.expression.place, expr.span);
  // Joined text grows: folded step by step, the first step that is too large ends it.
  const bool grows = expr.op == BinaryOp::kAdd && !(types & (TypeSet(Type::string) | Type::array)).empty();
  std::vector<Lowered> children;
  children.push_back(std::move(left));
  children.push_back(std::move(right));
  assemble(result, std::move(children));
  if (grows) fold(result, Failing::reported);
  return result;
}

void ExpressionCompiler::warn_always(const dsl::BinaryExpr& expr, TypeSet left, TypeSet right) {
  bool ordered = false;
  switch (expr.op) {
    case BinaryOp::kEqual:
    case BinaryOp::kNotEqual:
      break;
    case BinaryOp::kLess:
    case BinaryOp::kLessEqual:
    case BinaryOp::kGreater:
    case BinaryOp::kGreaterEqual:
      ordered = true;
      break;
    default:
      return;
  }
  if (!never_compares(ordered, left, right)) return;
  context_.report
      .add(Code::always_false, expr.span,
           std::string("this is always ") + (expr.op == BinaryOp::kNotEqual ? "true" : "false") + ": " +
               describe(left) + " is compared with " + describe(right))
      .note(ordered ? "numbers have an order among themselves, and so do strings and timestamps"
                    : "values of different types are never equal");
}

Lowered ExpressionCompiler::match(const dsl::BinaryExpr& expr, Lowered left, Lowered right) {
  Lowered result = start(Op::matches, expr.op_span);
  result.expression.types = Type::boolean;
  remember(result.expression.place, expr.span);
  if (left.ok && result_of(expr.op, left.expression.types, right.expression.types).empty()) {
    error(Code::wrong_type, expr.left->span,
          "'matches' takes a string, not " + describe(left.expression.types));
    return failure(expr);
  }
  fold(right, Failing::reported);
  if (!right.ok || !left.ok) return failure(expr);
  if (!right.constant() && definition_ && right.level != Lowered::kNoLevel) {
    result.pure = false;  // it has no pattern: it must not be evaluated
    return result;
  }
  if (!right.constant()) {
    error(Code::not_constant, expr.right->span,
          "the pattern of 'matches' must be known before the first record")
        .note("patterns are compiled once; use 'contains' to search for text from the record");
    return failure(expr);
  }
  if (right.expression.constant.type() != Type::string) {
    error(Code::wrong_type, expr.right->span,
          "the pattern of 'matches' is a string, not " + describe(right.expression.types));
    return failure(expr);
  }
  result.expression.text = std::string(right.expression.constant.text());
  if (!context_.registry.compile_pattern) {
    error(Code::bad_literal, expr.op_span, "this program has no regex library: 'matches' cannot be used");
    return failure(expr);
  }
  auto matcher = context_.registry.compile_pattern(result.expression.text);
  if (!matcher.ok()) {
    error(Code::bad_literal, expr.right->span, matcher.error().message);
    return failure(expr);
  }
  result.expression.matcher = std::move(*matcher);
  std::vector<Lowered> children;
  children.push_back(std::move(left));
  assemble(result, std::move(children));
  return result;
}

Lowered ExpressionCompiler::logic(const dsl::LogicExpr& expr) {
  const bool conjunction = expr.op == dsl::LogicOp::kAnd;
  Lowered result = start(conjunction ? Op::logical_and : Op::logical_or, expr.span);
  result.expression.types = Type::boolean;
  std::vector<Lowered> operands;
  operands.reserve(expr.operands.size());
  for (const auto& operand : expr.operands) {
    operands.push_back(lower(*operand));
    check_condition(operands.back(), operand->span, conjunction ? "and" : "or");
  }
  assemble(result, std::move(operands));
  std::vector<runtime::Expression> flat = std::move(result.expression.children);
  result.expression = balanced(result.expression, flat.data(), flat.size());
  return result;
}

Lowered ExpressionCompiler::choice(const dsl::IfExpr& expr) {
  // Each arm is nested in the `else` of the one before.
  const auto depth = static_cast<unsigned>(expr.arms.size());
  if (!enter(expr.span, depth)) return failure(expr);
  std::vector<Lowered> conditions;
  std::vector<Lowered> values;
  for (const dsl::IfArm& arm : expr.arms) {
    conditions.push_back(lower(*arm.condition));
    check_condition(conditions.back(), arm.condition->span, "if");
    values.push_back(lower(*arm.value));
  }
  Lowered result = lower(*expr.otherwise);
  leave(depth);
  for (std::size_t i = expr.arms.size(); i-- > 0;) {
    Lowered arm = start(Op::conditional, i == 0 ? expr.span : expr.arms[i].condition->span);
    arm.expression.types = values[i].expression.types | result.expression.types;
    std::vector<Lowered> children;
    children.push_back(std::move(conditions[i]));
    children.push_back(std::move(values[i]));
    children.push_back(std::move(result));
    assemble(arm, std::move(children));
    result = std::move(arm);
  }
  return result;
}

}  // namespace pipec::compiler
