#include <utility>

#include "dsl/formatter.h"
#include "dsl/quote.h"

namespace pipec::dsl {

namespace {

constexpr unsigned kEndlessWidth = 1U << 30;

}  // namespace

void Formatter::expression(const Expr& expr) {
  if (expr.parenthesized) write("(");
  unparenthesized(expr);
  if (expr.parenthesized) write(")");
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
      write(call.function.text);
      arguments(call.args, Span{expr.span.file, call.function.span.end, expr.span.end}, kIndent);
      break;
    }
    case ExprKind::kArray: {
      const auto& items = as<ArrayExpr>(expr).items;
      comma_list("[", "]", items.size(), expr.span, kIndent, [&](std::size_t i) { expression(*items[i]); });
      break;
    }
    case ExprKind::kObject:
      object(as<ObjectExpr>(expr));
      break;
    case ExprKind::kUnary:
      write(as<UnaryExpr>(expr).op == UnaryOp::kNot ? "not " : "-");
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
      write(as<LambdaExpr>(expr).parameter.text);
      write(" -> ");
      expression(*as<LambdaExpr>(expr).body);
      break;
    case ExprKind::kError:
      break;
  }
}

// As written, except for white space after a minus.
void Formatter::number(const Expr& expr) {
  std::string_view text = source_.text(expr.span);
  if (text.front() == '-') {
    write("-");
    skip(TokenKind::kLeftParen);
    text = text_of(next_);
  }
  write(text);
}

// Text parts as written; interpolated expressions in canonical form, all on one line.
void Formatter::string(const StringExpr& expr) {
  if (expr.raw || expr.is_plain()) {
    leaf(expr.span, source_.text(expr.span));
    return;
  }
  comments_before(expr.span.begin);
  skip_to(expr.span.begin);
  std::string written = "\"";
  for (const StringPart& part : expr.parts) {
    if (!part.expr) {
      written += source_.text(part.span);
      continue;
    }
    skip_to(part.expr->span.begin);
    Layout outer = std::exchange(layout_, Layout());
    expression(*part.expr);
    std::string inner = layout_.print(kEndlessWidth);
    layout_ = std::move(outer);
    if (inner.ends_with('\n')) inner.pop_back();
    written += "${" + inner + "}";
  }
  layout_.text(written + '"');
  after_comment_ = false;
  skip_to(expr.span.end);
}

void Formatter::path(const PathExpr& expr) {
  comments_before(expr.span.begin);
  if (expr.meta) {
    write("@" + expr.meta->text);
  } else if (expr.segments.empty() || keeps_brackets(expr.segments.front())) {
    write(".");
  }
  segments(expr.segments);
}

// A key in brackets is written with a point, unless a comment is in them.
bool Formatter::keeps_brackets(const Segment& segment) const {
  return segment.kind == Segment::Kind::kIndex || comment_within(segment.span);
}

// Each directly follows the text before it, so a comment inside omitted parentheses is written after the last
// one.
void Formatter::segments(const std::vector<Segment>& all) {
  for (const Segment& segment : all) {
    if (!keeps_brackets(segment)) {
      layout_.text(key_segment(segment.key));
      after_comment_ = false;
      skip_to(segment.span.end);
      continue;
    }
    layout_.text("[");
    after_comment_ = false;
    skip_to(segment.span.begin + 1);
    if (segment.kind == Segment::Kind::kKey) {
      leaf(Span{segment.span.file, next_begin(), segment.span.end - 1}, quoted(segment.key));
    } else {
      expression(*segment.index);
    }
    write("]");
  }
}

void Formatter::binary(const BinaryExpr& expr) {
  layout_.open_group();
  expression(*expr.left);
  layout_.indent(kIndent);
  layout_.line();
  write(to_string(expr.op));
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
      write(expr.op == LogicOp::kAnd ? "and " : "or ");
    }
    expression(*expr.operands[i]);
  }
  layout_.dedent();
  layout_.close_group();
}

void Formatter::if_expression(const IfExpr& expr) {
  layout_.open_group();
  auto value = [&](const Expr& e) {
    write("{");
    layout_.indent(kIndent);
    layout_.line();
    expression(e);
    layout_.dedent();
    layout_.line();
    write("}");
  };
  for (const IfArm& arm : expr.arms) {
    write(&arm == &expr.arms.front() ? "if " : " else if ");
    expression(*arm.condition);
    layout_.text(" ");
    value(*arm.value);
  }
  write(" else ");
  value(*expr.otherwise);
  layout_.close_group();
}

void Formatter::object(const ObjectExpr& expr) {
  const auto& members = expr.members;
  comma_list("{", "}", members.size(), expr.span, kIndent, [&](std::size_t i) {
    leaf(members[i].key.span, source_.text(members[i].key.span));
    write(": ");
    expression(*members[i].value);
  });
}

void Formatter::arguments(const std::vector<Arg>& args, Span span, unsigned indent) {
  comma_list("(", ")", args.size(), span, indent, [&](std::size_t i) {
    if (args[i].name) {
      write(args[i].name->text);
      write(": ");
    }
    expression(*args[i].value);
  });
}

}  // namespace pipec::dsl
