#include "compiler/types.h"

#include <utility>
#include <vector>

namespace pipec::compiler {

using dsl::BinaryOp;
using runtime::Op;
using runtime::Type;
using runtime::TypeSet;

std::string describe(TypeSet types) {
  if (types == TypeSet::any()) return "any value";
  std::vector<const char*> names;
  static constexpr std::pair<Type, const char*> kNames[] = {{Type::null, "null"},
                                                            {Type::boolean, "a bool"},
                                                            {Type::integer, "an int"},
                                                            {Type::floating, "a float"},
                                                            {Type::string, "a string"},
                                                            {Type::bytes, "bytes"},
                                                            {Type::timestamp, "a timestamp"},
                                                            {Type::duration, "a duration"},
                                                            {Type::array, "an array"},
                                                            {Type::object, "an object"}};
  const bool number = (types & TypeSet::number()) == TypeSet::number();
  for (const auto& [type, name] : kNames) {
    if (!types.has(type) || (number && type == Type::floating)) continue;
    names.push_back(number && type == Type::integer ? "a number" : name);
  }
  if (names.empty()) return "nothing";
  std::string result = names[0];
  for (std::size_t i = 1; i < names.size(); ++i) {
    result += i + 1 == names.size() ? " or " : ", ";
    result += names[i];
  }
  return result;
}

namespace {

TypeSet arithmetic(BinaryOp op, TypeSet left, TypeSet right) {
  const auto both = [&](Type a, Type b) { return left.has(a) && right.has(b); };
  const bool numbers = !(left & TypeSet::number()).empty() && !(right & TypeSet::number()).empty();
  const bool ints = both(Type::integer, Type::integer);
  const bool floats = numbers && (left.has(Type::floating) || right.has(Type::floating));
  TypeSet result;
  if (op == BinaryOp::kDivide) {
    if (numbers) result = result | Type::floating;
  } else {
    if (ints) result = result | Type::integer;
    if (floats) result = result | Type::floating;
  }
  const bool spans = both(Type::duration, Type::duration);
  switch (op) {
    case BinaryOp::kAdd:
      if (both(Type::string, Type::string)) result = result | Type::string;
      if (both(Type::array, Type::array)) result = result | Type::array;
      if (both(Type::timestamp, Type::duration) || both(Type::duration, Type::timestamp)) {
        result = result | Type::timestamp;
      }
      if (spans) result = result | Type::duration;
      break;
    case BinaryOp::kSubtract:
      if (both(Type::timestamp, Type::duration)) result = result | Type::timestamp;
      if (both(Type::timestamp, Type::timestamp) || spans) result = result | Type::duration;
      break;
    case BinaryOp::kMultiply:
      if (both(Type::duration, Type::integer) || both(Type::integer, Type::duration))
        result = result | Type::duration;
      break;
    case BinaryOp::kDivide:
      if (spans) result = result | Type::floating;
      if (both(Type::duration, Type::integer)) result = result | Type::duration;
      break;
    default:
      if (spans) result = result | Type::duration;
      break;
  }
  return result;
}

bool can_contain(TypeSet left, TypeSet right) {
  if (right.has(Type::null)) return true;  // nothing is in null, which is an answer
  if ((right & (TypeSet(Type::array) | Type::string | Type::object)).empty()) return false;
  if (right.has(Type::array) || left.has(Type::null)) return true;
  return left.has(Type::string) && (right.has(Type::string) || right.has(Type::object));
}

}  // namespace

TypeSet result_of(BinaryOp op, TypeSet left, TypeSet right) {
  switch (op) {
    case BinaryOp::kEqual:
    case BinaryOp::kNotEqual:
    case BinaryOp::kLess:
    case BinaryOp::kLessEqual:
    case BinaryOp::kGreater:
    case BinaryOp::kGreaterEqual:
      return Type::boolean;
    case BinaryOp::kIn:
      return can_contain(left, right) ? TypeSet(Type::boolean) : TypeSet();
    case BinaryOp::kMatches:
      return left.has(Type::string) || left.has(Type::null) ? TypeSet(Type::boolean) : TypeSet();
    case BinaryOp::kCatch:
      return left | right;
    case BinaryOp::kCoalesce:
      return left.without(Type::null) | right;
    default:
      return arithmetic(op, left, right);
  }
}

std::string operands_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return "two numbers, two strings, two arrays, or a timestamp and a duration";
    case BinaryOp::kSubtract:
      return "two numbers, two timestamps, or a timestamp and a duration";
    case BinaryOp::kMultiply:
      return "two numbers, or a duration and an int";
    case BinaryOp::kDivide:
      return "two numbers, two durations, or a duration and an int";
    case BinaryOp::kRemainder:
      return "two numbers or two durations";
    case BinaryOp::kIn:
      return "a value and an array, two strings, or a key and an object";
    case BinaryOp::kMatches:
      return "a string and a pattern";
    default:
      return "other operands";
  }
}

bool may_fail(Op op, TypeSet left, TypeSet right) {
  switch (op) {
    case Op::in: {
      const TypeSet value = left.without(Type::null);
      right = right.without(Type::null);
      if (value.empty() || right.empty()) return false;
      if (right == TypeSet(Type::array)) return false;
      const TypeSet containers = TypeSet(Type::array) | Type::string | Type::object;
      return !right.without(containers).empty() || !value.without(Type::string).empty();
    }
    case Op::matches:
      return !left.without(TypeSet(Type::string) | Type::null).empty();
    default:
      return true;
  }
}

bool never_compares(bool ordered, TypeSet left, TypeSet right) {
  if (!(left & TypeSet::number()).empty() && !(right & TypeSet::number()).empty()) return false;
  TypeSet common = left & right;
  if (ordered) {
    common = common & (TypeSet::number() | Type::string | Type::bytes | Type::timestamp | Type::duration);
  }
  return common.empty();
}

Op lowered(BinaryOp op) {
  switch (op) {
    case BinaryOp::kEqual:
      return Op::equal;
    case BinaryOp::kNotEqual:
      return Op::not_equal;
    case BinaryOp::kLess:
      return Op::less;
    case BinaryOp::kLessEqual:
      return Op::less_equal;
    case BinaryOp::kGreater:
      return Op::greater;
    case BinaryOp::kGreaterEqual:
      return Op::greater_equal;
    case BinaryOp::kIn:
      return Op::in;
    case BinaryOp::kMatches:
      return Op::matches;
    case BinaryOp::kCatch:
      return Op::catch_error;
    case BinaryOp::kCoalesce:
      return Op::coalesce;
    case BinaryOp::kAdd:
      return Op::add;
    case BinaryOp::kSubtract:
      return Op::subtract;
    case BinaryOp::kMultiply:
      return Op::multiply;
    case BinaryOp::kDivide:
      return Op::divide;
    case BinaryOp::kRemainder:
      return Op::remainder;
  }
  return Op::add;
}

}  // namespace pipec::compiler
