#include "runtime/eval/usage.h"

#include <algorithm>

namespace pipec::runtime::eval {

namespace {

bool is_ordering(Op op) {
  return op == Op::less || op == Op::less_equal || op == Op::greater || op == Op::greater_equal;
}

bool is_field(const Expression& expression) {
  return expression.op == Op::field && !expression.path.whole;
}

// Evaluating it never fails: nothing before a later conjunct can dead-letter the record.
bool is_plain(const Expression& expression) {
  if (expression.op == Op::constant || expression.op == Op::metadata) return true;
  return expression.op == Op::field &&
         std::none_of(expression.path.below.begin(), expression.path.below.end(),
                      [](const PathSegment& segment) { return segment.kind == PathSegment::Kind::computed; });
}

// The keys that one conjunct needs; false: it can fail, what stands behind it may not count.
bool required_by(const Expression& expression, const FieldSet& fields, std::vector<std::string>& keys) {
  if (expression.op == Op::has) {
    if (!expression.path.whole) keys.push_back(fields.keys[expression.path.slot]);
    return !expression.path.whole && expression.children.empty();
  }
  if (expression.op != Op::equal && !is_ordering(expression.op)) return false;
  const Expression& left = expression.children[0];
  const Expression& right = expression.children[1];
  if (!is_plain(left) || !is_plain(right)) return false;
  const auto need = [&](const Expression& side, const Expression& other) {
    if (!is_field(side)) return;
    const bool never_null =
        other.op == Op::constant ? !other.constant.is_null() : !other.types.has(Type::null);
    if (is_ordering(expression.op) || never_null) keys.push_back(fields.keys[side.path.slot]);
  };
  need(left, right);
  need(right, left);
  return true;
}

}  // namespace

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
    // A record that is replaced is opened too: what it becomes is written by the same view.
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

std::vector<std::string> required_keys(const Program& condition) {
  // The conjuncts in the order in which they are evaluated.
  std::vector<const Expression*> pending = {&condition.root};
  std::vector<std::string> keys;
  while (!pending.empty()) {
    const Expression* expression = pending.back();
    pending.pop_back();
    if (expression->op == Op::logical_and) {
      pending.push_back(&expression->children[1]);
      pending.push_back(&expression->children[0]);
    } else if (!required_by(*expression, condition.fields, keys)) {
      break;
    }
  }
  return keys;
}

bool may_hold_key(std::string_view record, std::string_view key) {
  if (record.find('\\') != std::string_view::npos) return true;
  for (std::size_t at = record.find(key); at != std::string_view::npos; at = record.find(key, at + 1)) {
    const std::size_t behind = at + key.size();
    if (at != 0 && record[at - 1] == '"' && behind < record.size() && record[behind] == '"') return true;
  }
  return false;
}

}  // namespace pipec::runtime::eval
