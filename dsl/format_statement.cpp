#include "dsl/formatter.h"

namespace pipec::dsl {

void Formatter::block(const Block& block, unsigned indent) {
  layout_.open_group();
  statement_block(block, indent);
  layout_.close_group();
}

void Formatter::statement_block(const Block& block, unsigned indent) {
  braces(block.statements.size(), block.span, indent,
         [&](std::size_t i) { statement(*block.statements[i]); });
}

void Formatter::assignments(const AssignmentBlock& block, unsigned indent) {
  layout_.open_group();
  braces(block.assignments.size(), block.span, indent, [&](std::size_t i) {
    write(block.assignments[i].name.text + " = ");
    expression(*block.assignments[i].value);
  });
  layout_.close_group();
}

void Formatter::statement(const Statement& s) {
  switch (s.kind) {
    case StatementKind::kSet:
      path(*as<SetStatement>(s).target);
      write(" = ");
      expression(*as<SetStatement>(s).value);
      break;
    case StatementKind::kLet:
      write("let " + as<LetStatement>(s).name.text + " = ");
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
      write("rename(");
      path(*rename.from);
      write(", ");
      path(*rename.to);
      write(")");
      break;
    }
    case StatementKind::kIf:
      if_statement(as<IfStatement>(s));
      break;
    case StatementKind::kDrop:
      write("drop");
      break;
    case StatementKind::kDlq:
    case StatementKind::kEmit:
      write(s.kind == StatementKind::kDlq ? "dlq " : "emit ");
      expression(*as<ValueStatement>(s).value);
      break;
    case StatementKind::kFor: {
      const auto& loop = as<ForStatement>(s);
      write("for " + (loop.key ? loop.key->text + ", " : std::string()) + loop.value.text + " in ");
      expression(*loop.over);
      layout_.text(" ");
      block(loop.body, kIndent);
      break;
    }
  }
}

void Formatter::if_statement(const IfStatement& statement) {
  layout_.open_group();
  for (const StatementArm& arm : statement.arms) {
    write(&arm == &statement.arms.front() ? "if " : " else if ");
    expression(*arm.condition);
    layout_.text(" ");
    statement_block(arm.block, kIndent);
  }
  if (statement.otherwise) {
    write(" else ");
    statement_block(*statement.otherwise, kIndent);
  }
  layout_.close_group();
}

void Formatter::paths(const char* keyword, const std::vector<PathPtr>& paths, Span span) {
  write(keyword);
  comma_list("(", ")", paths.size(), span, kIndent, [&](std::size_t i) { path(*paths[i]); });
}

}  // namespace pipec::dsl
