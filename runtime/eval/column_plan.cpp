#include "runtime/eval/column_plan.h"

#include <algorithm>

namespace pipec::runtime::eval {

namespace {

constexpr unsigned kDeepestColumns = 64;
constexpr std::size_t kMostNodes = 512;  // each has a column of 4 KiB per worker

using Kind = ColumnPlan::Kind;

std::optional<Kind> kind_of(Op op) {
  switch (op) {
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::remainder:
    case Op::negate:
      return Kind::arithmetic;
    case Op::equal:
    case Op::not_equal:
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
      return Kind::compare;
    case Op::in:
      return Kind::in;
    case Op::matches:
      return Kind::matches;
    case Op::logical_and:
      return Kind::logical_and;
    case Op::logical_or:
      return Kind::logical_or;
    case Op::logical_not:
      return Kind::logical_not;
    case Op::coalesce:
      return Kind::coalesce;
    case Op::conditional:
      return Kind::conditional;
    case Op::array:
      return Kind::array;
    case Op::object:
      return Kind::object;
    case Op::interpolate:
      return Kind::interpolate;
    default:
      return std::nullopt;
  }
}

bool callable(const Function& function) {
  const auto plain = [](const Parameter& parameter) { return parameter.kind == Parameter::Kind::value; };
  return function.pure && function.code && function.parameters.size() <= ColumnPlan::kMostArguments &&
         std::all_of(function.parameters.begin(), function.parameters.end(), plain);
}

// A program's string that needs no escapes may be written between quotes unchanged.
Value written_as_is(const Value& value) {
  if (value.type() != Type::string || value.is_escaped()) return value;
  const auto plain = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' &&
           static_cast<unsigned char>(c) < 0x7f;
  };
  const std::string_view text = value.text();
  return std::all_of(text.begin(), text.end(), plain) ? Value::json_string(text, false) : value;
}

}  // namespace

ColumnPlan::Names ColumnPlan::names(std::size_t fields, std::size_t locals) {
  return {std::vector<Number>(locals, Names::kUnknown), std::vector<Number>(fields, Names::kRecord)};
}

ColumnPlan::Number ColumnPlan::push(Node node) {
  if (nodes_.size() == kMostNodes) return kNone;
  nodes_.push_back(std::move(node));
  return static_cast<Number>(nodes_.size() - 1);
}

ColumnPlan::Number ColumnPlan::share(Number number) {
  nodes_[number].shared = true;
  return number;
}

ColumnPlan::Number ColumnPlan::add(const Expression& expression, const Names& names,
                                   const std::uint32_t* slots) {
  return add(expression, names, slots, 0);
}

bool ColumnPlan::add_path(Node& node, const Path& path, const Names& names, const std::uint32_t* slots) {
  if (path.whole) return false;
  node.slot = slots ? slots[path.slot] : path.slot;
  return names.fields[node.slot] == Names::kRecord && add_steps(node, path);
}

bool ColumnPlan::add_steps(Node& node, const Path& path) {
  for (const PathSegment& segment : path.below) {
    if (segment.kind == PathSegment::Kind::computed) return false;
    node.below.push_back({segment.kind == PathSegment::Kind::key, segment.key, segment.index});
  }
  return true;
}

// A top-level field: read once, however often it is used.
ColumnPlan::Number ColumnPlan::add_top(std::uint32_t slot, const Names& names) {
  const Number known = names.fields[slot];
  if (known == Names::kUnknown) return kNone;
  if (known != Names::kRecord) return share(known);
  for (Number i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].kind == Kind::field && nodes_[i].below.empty() && nodes_[i].slot == slot) return share(i);
  }
  Node node;
  node.kind = Kind::field;
  node.slot = slot;
  return push(std::move(node));
}

ColumnPlan::Number ColumnPlan::add_edit(record::EditKind edit, const Path& path, Number value,
                                        std::string_view new_key, const Names& names) {
  Node node;
  node.kind = Kind::edited;
  node.slot = path.slot;
  node.edit = edit;
  node.new_key = new_key;
  node.of_record = names.fields[path.slot] == Names::kRecord;
  if (!add_steps(node, path)) return kNone;
  const Number base = add_top(path.slot, names);
  if (base == kNone) return kNone;
  node.children.push_back(base);
  if (value != kNone) node.children.push_back(value);
  return push(std::move(node));
}

ColumnPlan::Number ColumnPlan::add(const Expression& expression, const Names& names,
                                   const std::uint32_t* slots, unsigned depth) {
  if (depth == kDeepestColumns) return kNone;
  Node node;
  node.expression = &expression;
  node.op = expression.op;
  switch (expression.op) {
    case Op::constant:
      node.constant = written_as_is(expression.constant);
      return push(std::move(node));
    case Op::local: {
      const Number known = names.locals[expression.local];
      return known == Names::kUnknown ? kNone : share(known);
    }
    case Op::field: {
      if (expression.path.whole) return kNone;
      const std::uint32_t slot = slots ? slots[expression.path.slot] : expression.path.slot;
      if (expression.path.below.empty()) return add_top(slot, names);
      if (names.fields[slot] < Names::kUnknown) {
        // Steps below a field that a statement has set.
        if (!add_steps(node, expression.path)) return kNone;
        node.kind = Kind::element;
        node.children.push_back(share(names.fields[slot]));
        return push(std::move(node));
      }
      node.kind = Kind::field;
      return add_path(node, expression.path, names, slots) ? push(std::move(node)) : kNone;
    }
    case Op::has:
      node.kind = Kind::has;
      return add_path(node, expression.path, names, slots) ? push(std::move(node)) : kNone;
    case Op::catch_error:
      // A record on which the left side fails is left to the interpreter.
      return add(expression.children[0], names, slots, depth + 1);
    case Op::element:
      if (!add_steps(node, expression.path)) return kNone;
      node.kind = Kind::element;
      break;
    case Op::call:
      if (!callable(*expression.function)) return kNone;
      node.kind = Kind::call;
      break;
    default: {
      const std::optional<Kind> kind = kind_of(expression.op);
      if (!kind) return kNone;
      node.kind = *kind;
    }
  }
  for (const Expression& child : expression.children) {
    const Number number = add(child, names, slots, depth + 1);
    if (number == kNone) return kNone;
    node.children.push_back(number);
  }
  return push(std::move(node));
}

}  // namespace pipec::runtime::eval
