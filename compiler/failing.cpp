#include "compiler/failing.h"

#include <algorithm>
#include <utility>

#include "compiler/types.h"

namespace pipec::compiler {

using runtime::Expression;
using runtime::Op;
using runtime::Parameter;
using runtime::PathSegment;
using runtime::Type;
using runtime::TypeSet;

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

namespace {

void call(const Expression& expression, std::vector<std::string>& out) {
  const runtime::Function& function = *expression.function;
  bool fails = !function.total;
  for (std::size_t i = 0; i < expression.children.size() && i < function.parameters.size(); ++i) {
    const Parameter& parameter = function.parameters[i];
    const TypeSet given = expression.children[i].types;
    const TypeSet taken =
        parameter.kind == Parameter::Kind::lambda ? parameter.lambda_result : parameter.types;
    if (!given.without(taken).empty()) fails = true;
  }
  // The placeholder for a function of the file has no name to report.
  const bool own = function.family.empty() && function.name == "fn";
  if (fails && !own) add_once(out, function.name + "() fails");
}

void computed(const Expression& expression, std::vector<std::string>& out) {
  const TypeSet taken = TypeSet(Type::integer) | Type::null;
  for (const PathSegment& segment : expression.path.below) {
    if (segment.kind != PathSegment::Kind::computed || segment.computed >= expression.children.size())
      continue;
    if (!expression.children[segment.computed].types.without(taken).empty()) {
      add_once(out, "an index of a wrong type");
    }
  }
}

void condition(const Expression& expression, std::vector<std::string>& out) {
  if (!expression.types.without(kCondition).empty())
    add_once(out, "a condition that is neither true nor false");
}

}  // namespace

void failures_of(const Expression& expression, std::vector<std::string>& out) {
  switch (expression.op) {
    case Op::constant:
      return;
    case Op::catch_error:
      failures_of(expression.children[1], out);
      return;
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::remainder:
    case Op::negate:
      add_once(out, "'" + std::string(runtime::operator_text(expression.op)) +
                        "' on a wrong type or out of range");
      break;
    case Op::in:
      if (may_fail(Op::in, expression.children[0].types, expression.children[1].types)) {
        add_once(out, "'in' on a wrong type");
      }
      break;
    case Op::matches:
      if (may_fail(Op::matches, expression.children[0].types, {}))
        add_once(out, "'matches' on a value that is not a string");
      break;
    case Op::logical_and:
    case Op::logical_or:
    case Op::logical_not:
      for (const Expression& child : expression.children) condition(child, out);
      break;
    case Op::conditional:
      condition(expression.children[0], out);
      break;
    case Op::interpolate:
      for (const Expression& child : expression.children) {
        if (child.types.has(Type::null)) add_once(out, "null or a missing field in a string");
      }
      break;
    case Op::field:
    case Op::has:
    case Op::element:
      computed(expression, out);
      break;
    case Op::call:
      call(expression, out);
      break;
    default:
      break;
  }
  for (const Expression& child : expression.children) failures_of(child, out);
}

void failures_of_condition(const Expression& expression, std::vector<std::string>& out) {
  condition(expression, out);
  failures_of(expression, out);
}

}  // namespace pipec::compiler
