#include <utility>

#include "dsl/formatter.h"
#include "dsl/quote.h"

namespace pipec::dsl {

namespace {

constexpr unsigned kEndlessWidth = 1U << 30;

}  // namespace

void Formatter::expression(const Expr& expr) {
  if (expr.parenthesized) layout_.text("(");
  unparenthesized(expr);
  if (expr.parenthesized) layout_.text(")");
}

void Formatter::unparenthesized(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNull:
    case ExprKind::kBool:
    case ExprKind::kName:
      leaf(expr.span, source_.text(expr.span));
      break;
    case ExprKind::kInt:
    case ExprKind::kFloat:
    case ExprKind::kDuration:
    case ExprKind::kSize:
      number(expr);
      break;
    case ExprKind::kString:
      string(as<StringExpr>(expr));
      break;
    case ExprKind::kPath:
      path(as<PathExpr>(expr));
      break;
    case ExprKind::kAccess:
      expression(*as<AccessExpr>(expr).base);
      segments(as<AccessExpr>(expr).segments);
      break;
    case ExprKind::kCall: {
      const auto& call = as<CallExpr>(expr);
      leaf(call.function.span, call.function.text);
      arguments(call.args, Span{expr.span.file, call.function.span.end, expr.span.end}, kIndent);
      break;
    }
    case ExprKind::kArray: {
      const auto& items = as<ArrayExpr>(expr).items;
      pass_comments(expr.span.begin);
      comma_list(
          "[", "]", items.size(), expr.span, kIndent, [&](std::size_t i) { return items[i]->span; },
          [&](std::size_t i) { expression(*items[i]); });
      break;
    }
    case ExprKind::kObject:
      object(as<ObjectExpr>(expr));
      break;
    case ExprKind::kUnary:
      leaf(as<UnaryExpr>(expr).op_span, as<UnaryExpr>(expr).op == UnaryOp::kNot ? "not " : "-");
      expression(*as<UnaryExpr>(expr).operand);
      break;
    case ExprKind::kBinary:
      binary(as<BinaryExpr>(expr));
      break;
    case ExprKind::kLogic:
      logic(as<LogicExpr>(expr));
      break;
    case ExprKind::kIf:
      if_expression(as<IfExpr>(expr));
      break;
    case ExprKind::kLambda:
      leaf(as<LambdaExpr>(expr).parameter.span, as<LambdaExpr>(expr).parameter.text);
      layout_.text(" -> ");
      expression(*as<LambdaExpr>(expr).body);
      break;
    case ExprKind::kError:
      break;
  }
}

// As it was written, but for white space behind a minus.
void Formatter::number(const Expr& expr) {
  std::string_view text = source_.text(expr.span);
  if (text.front() != '-') {
    leaf(expr.span, text);
    return;
  }
  leaf(expr.span, "-");
  // A comment may lie between: the digits are what the text ends in.
  std::size_t begin = text.size();
  while (begin > 0 && text[begin - 1] != ' ' && text[begin - 1] != '\n' && text[begin - 1] != '\t' &&
         text[begin - 1] != '\r' && begin > 1) {
    --begin;
  }
  layout_.text(text.substr(begin));
}

// Text parts as they were written; what is interpolated in the canonical form, all on one line.
void Formatter::string(const StringExpr& expr) {
  if (expr.raw || expr.is_plain()) {
    leaf(expr.span, source_.text(expr.span));
    return;
  }
  pass_comments(expr.span.begin);
  std::string written = "\"";
  for (const StringPart& part : expr.parts) {
    if (!part.expr) {
      written += source_.text(part.span);
      continue;
    }
    Layout outer = std::exchange(layout_, Layout());
    expression(*part.expr);
    std::string inner = layout_.print(kEndlessWidth);
    layout_ = std::move(outer);
    if (inner.ends_with('\n')) inner.pop_back();
    written += "${" + inner + "}";
  }
  layout_.text(written + '"');
}

void Formatter::path(const PathExpr& expr) {
  pass_comments(expr.span.begin);
  if (expr.meta) {
    layout_.text("@" + expr.meta->text);
  } else if (expr.segments.empty() || expr.segments.front().kind == Segment::Kind::kIndex) {
    layout_.text(".");
  }
  segments(expr.segments);
}

void Formatter::segments(const std::vector<Segment>& all) {
  for (const Segment& segment : all) {
    if (segment.kind == Segment::Kind::kKey) {
      layout_.text(key_segment(segment.key));
    } else {
      layout_.text("[");
      expression(*segment.index);
      layout_.text("]");
    }
  }
}

void Formatter::binary(const BinaryExpr& expr) {
  layout_.open_group();
  expression(*expr.left);
  layout_.indent(kIndent);
  layout_.line();
  leaf(expr.op_span, to_string(expr.op));
  layout_.text(" ");
  expression(*expr.right);
  layout_.dedent();
  layout_.close_group();
}

void Formatter::logic(const LogicExpr& expr) {
  layout_.open_group();
  layout_.indent(kIndent);
  for (std::size_t i = 0; i < expr.operands.size(); ++i) {
    if (i > 0) {
      layout_.line();
      layout_.text(expr.op == LogicOp::kAnd ? "and " : "or ");
    }
    expression(*expr.operands[i]);
  }
  layout_.dedent();
  layout_.close_group();
}

void Formatter::if_expression(const IfExpr& expr) {
  pass_comments(expr.span.begin);
  layout_.open_group();
  auto value = [&](const Expr& e) {
    layout_.text("{");
    layout_.indent(kIndent);
    layout_.line();
    expression(e);
    layout_.dedent();
    layout_.line();
    layout_.text("}");
  };
  for (const IfArm& arm : expr.arms) {
    layout_.text(&arm == &expr.arms.front() ? "if " : " else if ");
    expression(*arm.condition);
    layout_.text(" ");
    value(*arm.value);
  }
  layout_.text(" else ");
  value(*expr.otherwise);
  layout_.close_group();
}

void Formatter::object(const ObjectExpr& expr) {
  pass_comments(expr.span.begin);
  const auto& members = expr.members;
  comma_list(
      "{", "}", members.size(), expr.span, kIndent,
      [&](std::size_t i) { return join(members[i].key.span, members[i].value->span); },
      [&](std::size_t i) {
        leaf(members[i].key.span, source_.text(members[i].key.span));
        layout_.text(": ");
        expression(*members[i].value);
      });
}

void Formatter::arguments(const std::vector<Arg>& args, Span span, unsigned indent) {
  comma_list(
      "(", ")", args.size(), span, indent, [&](std::size_t i) { return args[i].span; },
      [&](std::size_t i) {
        if (args[i].name) {
          leaf(args[i].name->span, args[i].name->text);
          layout_.text(": ");
        }
        expression(*args[i].value);
      });
}

}  // namespace pipec::dsl
