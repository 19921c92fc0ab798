// The analysis of a condition before the first record arrives.
#include "runtime/eval/raw_filter.h"

#include <algorithm>

#include "pipec/runtime/json.h"
#include "runtime/eval/compare.h"

namespace pipec::runtime::eval {

namespace {

// Each needle costs a pass over the block: beyond these the index is faster.
constexpr std::size_t kMostNeedles = 4;
constexpr unsigned kDeepestCondition = 64;

bool is_comparison(Op op) {
  return op == Op::equal || op == Op::not_equal || op == Op::less || op == Op::less_equal ||
         op == Op::greater || op == Op::greater_equal;
}

bool is_ordering(Op op) {
  return is_comparison(op) && op != Op::equal && op != Op::not_equal;
}

Op turned(Op op) {
  switch (op) {
    case Op::less:
      return Op::greater;
    case Op::less_equal:
      return Op::greater_equal;
    case Op::greater:
      return Op::less;
    case Op::greater_equal:
      return Op::less_equal;
    default:
      return op;
  }
}

// A field with a path that no value of the record has a part in.
bool is_plain_path(const Expression& expression) {
  return expression.op == Op::field && !expression.path.whole && expression.children.empty();
}

bool is_top_level(const Expression& field) {
  return field.path.below.empty();
}

// Evaluating it never fails.
bool never_fails(const Expression& expression) {
  return expression.op == Op::constant || expression.op == Op::metadata || is_plain_path(expression) ||
         (expression.op == Op::field && expression.children.empty());
}

}  // namespace

RawFilter::RawFilter(const Program& condition) : fields_(condition.fields) {
  root_ = derive(condition.root, 0);
  if (needles_.empty()) {
    why_not_ = "it compares no field with a constant";
  } else if (!root_.needs && !root_.judges) {
    why_not_ = "it cannot be decided from a key's bytes";
  } else if (needles_.size() > kMostNeedles) {
    why_not_ = "it asks for more than " + std::to_string(kMostNeedles) + " keys";
  } else {
    usable_ = true;
  }
}

std::uint32_t RawFilter::add(Node node) {
  nodes_.push_back(std::move(node));
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

std::uint32_t RawFilter::needle(std::string_view key) {
  const auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found != keys_.end()) return static_cast<std::uint32_t>(found - keys_.begin());
  keys_.emplace_back(key);
  needles_.emplace_back(key);
  return static_cast<std::uint32_t>(keys_.size() - 1);
}

void RawFilter::keys_of(const Expression& field, Node& node) {
  node.keys.push_back(needle(fields_.keys[field.path.slot]));
  for (const PathSegment& segment : field.path.below) {
    if (segment.kind == PathSegment::Kind::key) node.keys.push_back(needle(segment.key));
  }
  node.needle = node.keys.front();
}

RawFilter::Node RawFilter::derive(const Expression& expression, unsigned depth) {
  Node node;
  node.expression = &expression;
  if (depth > kDeepestCondition) return node;
  switch (expression.op) {
    case Op::logical_and:
    case Op::logical_or: {
      const bool both = expression.op == Op::logical_and;
      Node left = derive(expression.children[0], depth + 1);
      Node right = derive(expression.children[1], depth + 1);
      node.kind = both ? Kind::both : Kind::either;
      node.can_fail = left.can_fail || right.can_fail;
      // An operand after one that can fail is not always evaluated.
      node.needs = both ? left.needs || (right.needs && !left.can_fail) : left.needs && right.needs;
      node.judges = left.judges;
      node.left = add(std::move(left));
      node.right = add(std::move(right));
      return node;
    }
    case Op::logical_not: {
      Node inner = derive(expression.children[0], depth + 1);
      node.kind = Kind::negation;
      node.can_fail = inner.can_fail;
      node.judges = inner.judges;
      node.left = add(std::move(inner));
      return node;
    }
    case Op::has:
      if (expression.path.whole || !expression.children.empty()) return node;
      keys_of(expression, node);
      node.kind = expression.path.below.empty() ? Kind::has : Kind::keys;
      node.needs = true;
      node.can_fail = false;
      node.judges = node.kind == Kind::has;
      return node;
    case Op::field:
      if (!is_plain_path(expression)) return node;
      keys_of(expression, node);
      node.kind = is_top_level(expression) ? Kind::field : Kind::keys;
      node.needs = true;
      node.judges = node.kind == Kind::field;
      return node;
    case Op::in: {
      const Expression& left = expression.children[0];
      const Expression& right = expression.children[1];
      if (is_plain_path(left) && right.op == Op::constant) {
        keys_of(left, node);
        node.kind = is_top_level(left) ? Kind::member_of : Kind::keys;
        node.constant = &right;
        node.needs = true;  // null is in nothing
        node.judges = is_top_level(left);
      } else if (is_plain_path(right) && left.op == Op::constant && !left.constant.is_null()) {
        keys_of(right, node);
        node.kind = is_top_level(right) ? Kind::holds_in : Kind::keys;
        node.constant = &left;
        node.needs = true;  // nothing is in null
        node.judges = is_top_level(right);
      }
      return node;
    }
    case Op::matches:
      if (!is_plain_path(expression.children[0])) return node;
      keys_of(expression.children[0], node);
      node.kind = is_top_level(expression.children[0]) ? Kind::matches : Kind::keys;
      node.needs = true;
      node.judges = node.kind == Kind::matches;
      return node;
    case Op::call:
      return derive_call(expression);
    default:
      return is_comparison(expression.op) ? derive_compare(expression) : node;
  }
}

RawFilter::Node RawFilter::derive_compare(const Expression& expression) {
  Node node;
  node.expression = &expression;
  const Expression& left = expression.children[0];
  const Expression& right = expression.children[1];
  if (!never_fails(left) || !never_fails(right)) return node;
  node.can_fail = false;
  node.op = expression.op;
  const bool with_constant =
      (is_plain_path(left) && right.op == Op::constant) || (is_plain_path(right) && left.op == Op::constant);
  if (with_constant) {
    const Expression& field = is_plain_path(left) ? left : right;
    node.constant = is_plain_path(left) ? &right : &left;
    node.constant_first = !is_plain_path(left);
    if (node.constant_first) node.op = turned(node.op);
    keys_of(field, node);
    const Value& constant = node.constant->constant;
    Arena arena;
    node.needs = !holds(node.op, Value(), constant, arena);
    node.kind = is_top_level(field) ? Kind::compare : node.needs ? Kind::keys : Kind::opaque;
    node.judges = is_top_level(field);
    constexpr std::int64_t kExact = std::int64_t{1} << 53;
    node.small = constant.type() == Type::integer && !constant.is_beyond() && constant.as_int() < kExact &&
                 constant.as_int() > -kExact;
    if (node.small) node.number = constant.as_int();
    return node;
  }
  // Two fields, or a field and metadata: null has no order and equals only null.
  const auto need = [&](const Expression& side, const Expression& other) {
    if (!is_plain_path(side)) return;
    const bool never_null =
        other.op == Op::constant ? !other.constant.is_null() : !other.types.has(Type::null);
    if (is_ordering(expression.op) || (expression.op == Op::equal && never_null)) keys_of(side, node);
  };
  need(left, right);
  need(right, left);
  node.needs = !node.keys.empty();
  node.kind = node.needs ? Kind::keys : Kind::opaque;
  return node;
}

// A library function that reads one field and is deterministic.
RawFilter::Node RawFilter::derive_call(const Expression& expression) {
  Node node;
  node.expression = &expression;
  const Function& function = *expression.function;
  if (!function.pure || function.result != TypeSet(Type::boolean) || function.parameters.size() > 4)
    return node;
  const Expression* field = nullptr;
  for (std::size_t i = 0; i < function.parameters.size(); ++i) {
    if (function.parameters[i].kind != Parameter::Kind::value) return node;
    if (i >= expression.children.size() || expression.children[i].op == Op::constant) continue;
    if (field || !is_plain_path(expression.children[i]) || !is_top_level(expression.children[i])) return node;
    field = &expression.children[i];
  }
  if (!field) return node;
  keys_of(*field, node);
  node.kind = Kind::call;
  node.judges = true;
  return node;
}

bool RawFilter::may_hold(std::string_view record) const {
  return !root_.needs || may_hold(root_, record);
}

bool RawFilter::may_hold(const Node& node, std::string_view record) const {
  if (!node.needs) return true;
  if (node.kind == Kind::both) {
    const Node& left = nodes_[node.left];
    return may_hold(left, record) && (left.can_fail || may_hold(nodes_[node.right], record));
  }
  if (node.kind == Kind::either)
    return may_hold(nodes_[node.left], record) || may_hold(nodes_[node.right], record);
  const auto spelled = [&](const json::Needle& needle) {
    if (record.find(needle.quoted) != std::string_view::npos) return true;
    return record.find(needle.any_escape ? "\\" : "\\u") != std::string_view::npos;
  };
  return std::all_of(node.keys.begin(), node.keys.end(),
                     [&](std::uint32_t key) { return spelled(needles_[key]); });
}

std::string RawFilter::describe() const {
  std::string list;
  for (const json::Needle& needle : needles_) list += (list.empty() ? "" : ", ") + needle.quoted;
  std::string text = "runs on raw bytes: looks for " + list + " in the whole block";
  text += root_.needs ? "; records without a match do not pass"
                      : "; the condition may hold without the field, so every record is read";
  if (root_.judges) text += "; flat records are decided on the raw bytes";
  return text;
}

}  // namespace pipec::runtime::eval
