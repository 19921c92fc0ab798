#include "dsl/formatter.h"

namespace pipec::dsl {

namespace {}  // namespace

// A block of one statement may stand on one line.
bool Formatter::is_long(const Block& block) const {
  return block.statements.size() > 1 || comment_within(block.span);
}

void Formatter::block(const Block& block, unsigned indent) {
  layout_.open_group();
  statement_block(block, indent);
  layout_.close_group();
}

// Breaks with the group around it.
void Formatter::statement_block(const Block& block, unsigned indent) {
  layout_.text("{");
  if (block.statements.empty() && !is_long(block)) {
    layout_.text("}");
    return;
  }
  layout_.indent(indent);
  if (is_long(block)) {
    // A comment behind the brace stays there.
    trailing_comment(block.span.begin + 1);
    Lines lines;
    lines.keep_first_break = true;
    for (const auto& s : block.statements) {
      next_line(lines, s->span.begin);
      statement(*s);
      end_element(lines, s->span.end);
    }
    own_line_comments(lines, block.span.end - 1);
    layout_.dedent();
    layout_.hard_line();
  } else {
    layout_.line();
    statement(*block.statements.front());
    layout_.dedent();
    layout_.line();
  }
  layout_.text("}");
}

void Formatter::statement(const Statement& s) {
  switch (s.kind) {
    case StatementKind::kSet:
      path(*as<SetStatement>(s).target);
      layout_.text(" = ");
      expression(*as<SetStatement>(s).value);
      break;
    case StatementKind::kLet:
      leaf(s.span, "let " + as<LetStatement>(s).name.text + " = ");
      expression(*as<LetStatement>(s).value);
      break;
    case StatementKind::kDel:
      paths("del", as<PathsStatement>(s).paths, s.span);
      break;
    case StatementKind::kKeep:
      paths("keep", as<PathsStatement>(s).paths, s.span);
      break;
    case StatementKind::kRename: {
      const auto& rename = as<RenameStatement>(s);
      leaf(s.span, "rename(");
      path(*rename.from);
      layout_.text(", ");
      path(*rename.to);
      layout_.text(")");
      break;
    }
    case StatementKind::kIf:
      if_statement(as<IfStatement>(s));
      break;
    case StatementKind::kDrop:
      leaf(s.span, "drop");
      break;
    case StatementKind::kDlq:
    case StatementKind::kEmit:
      leaf(s.span, s.kind == StatementKind::kDlq ? "dlq " : "emit ");
      expression(*as<ValueStatement>(s).value);
      break;
    case StatementKind::kFor: {
      const auto& loop = as<ForStatement>(s);
      leaf(s.span, "for " + (loop.key ? loop.key->text + ", " : std::string()) + loop.value.text + " in ");
      expression(*loop.over);
      layout_.text(" ");
      block(loop.body, kIndent);
      break;
    }
  }
}

void Formatter::if_statement(const IfStatement& statement) {
  pass_comments(statement.span.begin);
  layout_.open_group();
  for (const StatementArm& arm : statement.arms) {
    layout_.text(&arm == &statement.arms.front() ? "if " : " else if ");
    expression(*arm.condition);
    layout_.text(" ");
    statement_block(arm.block, kIndent);
  }
  if (statement.otherwise) {
    layout_.text(" else ");
    statement_block(*statement.otherwise, kIndent);
  }
  layout_.close_group();
}

void Formatter::paths(const char* keyword, const std::vector<PathPtr>& paths, Span span) {
  leaf(span, keyword);
  comma_list(
      "(", ")", paths.size(), span, kIndent, [&](std::size_t i) { return paths[i]->span; },
      [&](std::size_t i) { path(*paths[i]); });
}

}  // namespace pipec::dsl
