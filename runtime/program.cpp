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

}  // namespace pipec::runtime
