#include "runtime/eval/interpreter.h"

#include <new>

#include "pipec/runtime/json.h"
#include "runtime/eval/arithmetic.h"
#include "runtime/eval/compare.h"

namespace pipec::runtime::eval {

namespace {

// The compiler bounds nesting far below; this keeps trees that were built in C++ off the end of the stack.
constexpr std::uint32_t kDeepest = 2000;

// Operators that evaluate children[0] first. Chains of them may be of any length (`a + b + c ...`), so their
// left sides are walked in a loop.
bool folds(Op op) {
  switch (op) {
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::remainder:
    case Op::negate:
    case Op::equal:
    case Op::not_equal:
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
    case Op::in:
    case Op::matches:
    case Op::logical_and:
    case Op::logical_or:
    case Op::logical_not:
    case Op::coalesce:
    case Op::catch_error:
    case Op::element:
      return true;
    default:
      return false;
  }
}

bool compares(Op op) {
  return op == Op::equal || op == Op::not_equal || op == Op::less || op == Op::less_equal ||
         op == Op::greater || op == Op::greater_equal;
}

}  // namespace

Interpreter::Interpreter(const FieldSet& fields, std::size_t locals, const Clock& clock)
    : view_(fields), locals_(locals), clock_(clock) {}

bool Interpreter::begin(const Batch& batch, const Record& record, bool reads,
                        const record::KnownMembers& known) {
  arena_.reset();
  batch_ = &batch;
  record_ = &record;
  metadata_ = batch.metadata_of(record);
  if (random_.seeded()) random_.begin_record(batch.block().position(record.origin));
  failure_ = {};
  spine_.clear();  // an exception may have left it
  depth_ = 0;
  malformed_ = false;
  if (!reads) return true;
  const record::Shape shape = record.format == Format::json
                                  ? view_.open(batch.payload(record), record.validated, arena_)
                                  : view_.open_msgpack(batch.payload(record), arena_, known);
  malformed_ = shape == record::Shape::malformed;
  return !malformed_;
}

void Interpreter::begin_alone(std::uint64_t sequence) {
  arena_.reset();
  batch_ = nullptr;
  record_ = nullptr;
  metadata_ = nullptr;
  sequence_ = sequence;
  if (random_.seeded()) random_.begin_record(sequence_);
  failure_ = {};
  spine_.clear();  // an exception may have left it
  depth_ = 0;
  malformed_ = false;
  view_.open_nothing(arena_);
}

Value Interpreter::fail(const Place& place, std::initializer_list<std::string_view> reason) {
  failure_.reason = reason_.assign(reason);
  failure_.place = &place;
  return Value::failed();
}

void Interpreter::fail_for_memory(const Place& place) {
  arena_.reset();
  malformed_ = false;
  fail(place,
       {"the record takes more than ", Digits(arena_.bounds().most >> 10),
        " KiB of memory to evaluate, which is the limit for one record; a larger memory limit allows more"});
}

Value Interpreter::evaluate(const Expression& expression) {
  switch (expression.op) {
    case Op::constant:
      return expression.constant;
    case Op::local:
      return locals_[expression.local];
    case Op::field:
      if (expression.path.below.empty() && !expression.path.whole)
        return checked(view_.get(slot(expression.path)));
      return field(expression);
    case Op::metadata:
      return metadata_value(expression);
    default:
      break;
  }
  if (depth_ == kDeepest)
    return fail(expression.place, {"an expression nested deeper than ", Digits(kDeepest)});
  ++depth_;
  const Value result = compute(expression);
  --depth_;
  return result;
}

Value Interpreter::compute(const Expression& expression) {
  if (folds(expression.op)) {
    const Expression& left = expression.children[0];
    if (!folds(left.op)) return fold(expression, evaluate(left));
    const std::size_t base = spine_.size();
    const Expression* node = &expression;
    for (; folds(node->op); node = &node->children[0]) spine_.push_back(node);
    Value value = evaluate(*node);
    while (spine_.size() > base) {
      node = spine_.back();
      spine_.pop_back();
      value = fold(*node, value);
    }
    return value;
  }
  switch (expression.op) {
    case Op::conditional:
      return conditional(expression);
    case Op::array:
      return array(expression);
    case Op::object:
      return object(expression);
    case Op::interpolate:
      return interpolate(expression);
    case Op::has:
      return has(expression);
    default:
      return call(expression);
  }
}

Value Interpreter::fold(const Expression& expression, const Value& left) {
  switch (expression.op) {
    case Op::logical_and:
    case Op::logical_or:
    case Op::logical_not:
      return logical(expression, left);
    case Op::coalesce:
      return left.is_null() ? evaluate(expression.children[1]) : left;
    case Op::catch_error:
      if (!left.is_failed() || malformed_) return left;
      failure_ = {};
      return evaluate(expression.children[1]);
    default:
      break;
  }
  if (left.is_failed()) return left;
  switch (expression.op) {
    case Op::element:
      return element(expression, left);
    case Op::matches:
      return matches(expression, left);
    case Op::negate:
      return calculate(expression, left, {});
    default:
      break;
  }
  const Value right = evaluate(expression.children[1]);
  if (right.is_failed()) return right;
  switch (expression.op) {
    case Op::equal:
    case Op::not_equal:
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal:
      return Value::boolean(holds(expression.op, left, right, arena_));
    case Op::in:
      return contains(expression, left, right);
    default:
      return calculate(expression, left, right);
  }
}

Value Interpreter::logical(const Expression& expression, const Value& left) {
  Truth truth_of_left = truth(left, expression.children[0]);
  if (truth_of_left == Truth::failed) return Value::failed();
  if (expression.op == Op::logical_not) return Value::boolean(truth_of_left == Truth::no);
  if ((truth_of_left == Truth::yes) == (expression.op == Op::logical_or))
    return Value::boolean(truth_of_left == Truth::yes);
  const Expression& right = expression.children[1];
  const Truth truth_of_right = truth(evaluate(right), right);
  if (truth_of_right == Truth::failed) return Value::failed();
  return Value::boolean(truth_of_right == Truth::yes);
}

Truth Interpreter::truth(const Value& value, const Expression& expression) {
  if (value.type() == Type::boolean) return value.as_bool() ? Truth::yes : Truth::no;
  if (value.is_null()) return Truth::no;
  if (!value.is_failed())
    fail(expression.place, {"a condition must be a bool, got ", type_name(value.type())});
  return Truth::failed;
}

Truth Interpreter::test(const Expression& condition) {
  if (compares(condition.op) && condition.children[1].op == Op::constant) {
    // `.status >= 500`: what most filters are.
    const Value left = evaluate(condition.children[0]);
    if (left.is_failed() || malformed_) return Truth::failed;
    return holds(condition.op, left, condition.children[1].constant, arena_) ? Truth::yes : Truth::no;
  }
  const Truth result = truth(evaluate(condition), condition);
  return malformed_ ? Truth::failed : result;
}

Value Interpreter::calculate(const Expression& expression, const Value& left, const Value& right) {
  if (left.type() == Type::integer && right.type() == Type::integer && !left.is_beyond() &&
      !right.is_beyond()) {
    std::int64_t result = 0;
    switch (expression.op) {
      case Op::add:
        if (!__builtin_add_overflow(left.as_int(), right.as_int(), &result)) return Value::integer(result);
        break;
      case Op::subtract:
        if (!__builtin_sub_overflow(left.as_int(), right.as_int(), &result)) return Value::integer(result);
        break;
      case Op::multiply:
        if (!__builtin_mul_overflow(left.as_int(), right.as_int(), &result)) return Value::integer(result);
        break;
      default:
        break;
    }
  }
  ArithmeticContext context{arena_, reason_};
  const Value result =
      expression.op == Op::negate ? negated(left, context) : arithmetic(expression.op, left, right, context);
  if (result.is_failed()) {
    failure_ = {reason_.text(), &expression.place};
    malformed_ = malformed_ || context.malformed;
  }
  return result;
}

Value Interpreter::contains(const Expression& expression, const Value& needle, const Value& haystack) {
  if (needle.is_null() || haystack.is_null()) return Value::boolean(false);
  if (haystack.type() == Type::array) {
    const Value plain = needle.is_escaped() ? decoded(needle, arena_) : needle;  // once, not per item
    ArrayWalker items(haystack);
    Value item;
    while (items.next(item)) {
      if (holds(Op::equal, plain, item, arena_)) return Value::boolean(true);
    }
    if (!items.bad()) return Value::boolean(false);
    malformed_ = true;
    return Value::failed();
  }
  const bool text = needle.type() == Type::string;
  if (text && haystack.type() == Type::string) {
    const std::string_view whole = decode_string(haystack, arena_);
    return Value::boolean(whole.find(decode_string(needle, arena_)) != std::string_view::npos);
  }
  if (text && haystack.type() == Type::object) {
    const Found found = find_member(haystack, decode_string(needle, arena_), arena_);
    if (!found.bad) return Value::boolean(found.found);
    malformed_ = true;
    return Value::failed();
  }
  return fail(expression.place,
              {"`in` does not take ", type_name(needle.type()), " and ", type_name(haystack.type())});
}

Value Interpreter::matches(const Expression& expression, const Value& text) {
  if (text.is_null()) return Value::boolean(false);
  if (text.type() != Type::string) {
    return fail(expression.place, {"`matches` takes a string, got ", type_name(text.type())});
  }
  return Value::boolean(expression.matcher->search(decode_string(text, arena_)));
}

Value Interpreter::conditional(const Expression& expression) {
  const Expression* chosen = &expression;
  while (chosen->op == Op::conditional) {  // `else if` chains may be of any length
    const Truth holds_here = test(chosen->children[0]);
    if (holds_here == Truth::failed) return Value::failed();
    chosen = &chosen->children[holds_here == Truth::yes ? 1 : 2];
  }
  return evaluate(*chosen);
}

Value Interpreter::array(const Expression& expression) {
  const auto count = static_cast<std::uint32_t>(expression.children.size());
  Value* items = arena_.allocate_array<Value>(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    new (items + i) Value(evaluate(expression.children[i]));
    if (items[i].is_failed()) return items[i];
  }
  return Value::built_array(items, count);
}

Value Interpreter::object(const Expression& expression) {
  Member* members = arena_.allocate_array<Member>(expression.children.size());
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < expression.children.size(); ++i) {
    const Value value = evaluate(expression.children[i]);
    if (value.is_failed()) return value;
    new (members + count++) Member{expression.keys[i], value};
  }
  return Value::built_object(members, count);
}

}  // namespace pipec::runtime::eval
