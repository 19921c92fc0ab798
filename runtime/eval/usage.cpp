#include "runtime/eval/usage.h"

namespace pipec::runtime::eval {

bool reads_record(const Expression& root) {
  std::vector<const Expression*> pending = {&root};
  while (!pending.empty()) {
    const Expression* expression = pending.back();
    pending.pop_back();
    if (expression->op == Op::field || expression->op == Op::has) return true;
    for (const Expression& child : expression->children) pending.push_back(&child);
  }
  return false;
}

bool reads_record(const std::vector<Statement>& statements) {
  std::vector<const Statement*> pending;
  const auto add = [&](const std::vector<Statement>& list) {
    for (const Statement& statement : list) pending.push_back(&statement);
  };
  add(statements);
  while (!pending.empty()) {
    const Statement* statement = pending.back();
    pending.pop_back();
    // A record that is replaced is opened too: the same view writes its replacement.
    if (!statement->targets.empty() || statement->kind == Statement::Kind::keep ||
        statement->kind == Statement::Kind::set_record) {
      return true;
    }
    for (const Expression& expression : statement->expressions) {
      if (reads_record(expression)) return true;
    }
    add(statement->body);
    add(statement->otherwise);
  }
  return false;
}

}  // namespace pipec::runtime::eval
