#include "pipec/runtime/program.h"

#include <algorithm>
#include <utility>

namespace pipec::runtime {

std::string_view operator_text(Op op) {
  switch (op) {
    case Op::add:
      return "+";
    case Op::subtract:
    case Op::negate:
      return "-";
    case Op::multiply:
      return "*";
    case Op::divide:
      return "/";
    default:
      return "%";
  }
}

ExpressionList::ExpressionList() = default;
ExpressionList::ExpressionList(std::vector<Expression> list) : std::vector<Expression>(std::move(list)) {}
ExpressionList::ExpressionList(const ExpressionList&) = default;
ExpressionList::ExpressionList(ExpressionList&&) noexcept = default;
ExpressionList& ExpressionList::operator=(const ExpressionList&) = default;
ExpressionList& ExpressionList::operator=(ExpressionList&&) noexcept = default;

ExpressionList::~ExpressionList() {
  std::vector<std::vector<Expression>> pending;
  const auto take = [&](std::vector<Expression>& list) {
    for (Expression& expression : list) {
      std::vector<Expression>& children = expression.children;
      if (!children.empty()) pending.push_back(std::move(children));
    }
    list.clear();
  };
  take(*this);
  while (!pending.empty()) {
    std::vector<Expression> list = std::move(pending.back());
    pending.pop_back();
    take(list);
  }
}

std::uint32_t FieldSet::slot_of(std::string_view key) {
  const auto found = std::find(keys.begin(), keys.end(), key);
  if (found != keys.end()) return static_cast<std::uint32_t>(found - keys.begin());
  keys.emplace_back(key);
  return static_cast<std::uint32_t>(keys.size() - 1);
}

std::shared_ptr<const Program> array_of(std::vector<std::shared_ptr<const Program>> programs) {
  auto all = std::make_shared<Program>();
  all->root.op = Op::array;
  all->root.types = Type::array;
  for (const auto& program : programs) {
    std::vector<std::uint32_t> slots;
    for (const std::string& key : program->fields.keys) slots.push_back(all->fields.slot_of(key));
    all->root.children.push_back(program->root);
    std::vector<Expression*> pending{&all->root.children.back()};
    while (!pending.empty()) {
      Expression& expression = *pending.back();
      pending.pop_back();
      if ((expression.op == Op::field || expression.op == Op::has) && !expression.path.whole) {
        expression.path.slot = slots[expression.path.slot];
      }
      expression.local += all->locals;
      for (std::uint32_t& local : expression.lambda_locals) local += all->locals;
      for (Expression& child : expression.children) pending.push_back(&child);
    }
    all->locals += program->locals;
  }
  if (!programs.empty()) all->root.place = programs.front()->root.place;
  all->parts = std::move(programs);
  return all;
}

}  // namespace pipec::runtime
