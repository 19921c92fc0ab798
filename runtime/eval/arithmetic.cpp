#include "runtime/eval/arithmetic.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "pipec/runtime/json.h"

namespace pipec::runtime::eval {

namespace {

using std::int64_t;
constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();

Value failed(ArithmeticContext& context, std::initializer_list<std::string_view> parts) {
  context.reason.assign(parts);
  return Value::failed();
}

Value wrong_types(Op op, const Value& left, const Value& right, ArithmeticContext& context) {
  return failed(context, {"`", operator_text(op), "` does not take ", type_name(left.type()), " and ",
                          type_name(right.type())});
}

Value beyond(const Value& number, ArithmeticContext& context) {
  char room[kUnsignedDigits];
  return failed(context, {"arithmetic does not support a number beyond 64 bits: ", exact_text(number, room)});
}

// The result of an operation on 64-bit integers; false where it does not fit.
bool whole(Op op, int64_t a, int64_t b, int64_t* result) {
  switch (op) {
    case Op::add:
      return !__builtin_add_overflow(a, b, result);
    case Op::subtract:
      return !__builtin_sub_overflow(a, b, result);
    default:
      return !__builtin_mul_overflow(a, b, result);
  }
}

Value overflow(Op op, int64_t a, int64_t b, std::string_view what, ArithmeticContext& context) {
  return failed(context, {what, " overflow: ", Digits(a), " ", operator_text(op), " ", Digits(b)});
}

Value division_by_zero(ArithmeticContext& context) {
  return failed(context, {"division by zero"});
}

Value floats(Op op, double a, double b, ArithmeticContext& context) {
  double result = 0;
  switch (op) {
    case Op::add:
      result = a + b;
      break;
    case Op::subtract:
      result = a - b;
      break;
    case Op::multiply:
      result = a * b;
      break;
    case Op::divide:
      if (b == 0) return division_by_zero(context);
      result = a / b;
      break;
    default:
      if (b == 0) return division_by_zero(context);
      result = std::fmod(a, b);
      break;
  }
  if (!std::isfinite(result))
    return failed(context, {"float overflow: the result of `", operator_text(op), "` is not finite"});
  return Value::floating(result);
}

Value integers(Op op, int64_t a, int64_t b, ArithmeticContext& context) {
  if (op == Op::divide) return floats(op, static_cast<double>(a), static_cast<double>(b), context);
  if (op == Op::remainder) {
    if (b == 0) return division_by_zero(context);
    return Value::integer(b == -1 ? 0 : a % b);  // the lowest int % -1 traps
  }
  int64_t result = 0;
  if (!whole(op, a, b, &result)) return overflow(op, a, b, "int", context);
  return Value::integer(result);
}

// At least one side is a timestamp or a duration.
Value times(Op op, const Value& left, const Value& right, ArithmeticContext& context) {
  const Type a = left.type();
  const Type b = right.type();
  const bool a_time = a == Type::timestamp;
  const bool b_time = b == Type::timestamp;
  const bool a_span = a == Type::duration;
  const bool b_span = b == Type::duration;
  Type result = Type::failed;
  if (op == Op::add) {
    if ((a_time && b_span) || (a_span && b_time)) result = Type::timestamp;
    if (a_span && b_span) result = Type::duration;
  } else if (op == Op::subtract) {
    if (a_time && b_span) result = Type::timestamp;
    if ((a_time && b_time) || (a_span && b_span)) result = Type::duration;
  } else if (op == Op::multiply) {
    if ((a_span && b == Type::integer) || (a == Type::integer && b_span)) result = Type::duration;
  } else if (op == Op::divide) {
    if (a_span && b_span) {
      return floats(op, static_cast<double>(left.as_int()), static_cast<double>(right.as_int()), context);
    }
    if (a_span && b == Type::integer) result = Type::duration;
  } else if (op == Op::remainder) {
    if (a_span && b_span) result = Type::duration;
  }
  if (result == Type::failed) return wrong_types(op, left, right, context);

  const int64_t x = left.as_int();
  const int64_t y = right.as_int();
  int64_t nanoseconds = 0;
  if (op == Op::divide || op == Op::remainder) {
    if (y == 0) return division_by_zero(context);
    if (op == Op::divide && x == kLowest && y == -1) return overflow(op, x, y, "duration", context);
    nanoseconds = op == Op::divide ? x / y : (y == -1 ? 0 : x % y);
  } else if (!whole(op, x, y, &nanoseconds)) {
    return overflow(op, x, y, type_name(result), context);
  }
  return result == Type::timestamp ? Value::timestamp(nanoseconds) : Value::duration(nanoseconds);
}

Value joined_strings(const Value& left, const Value& right, ArithmeticContext& context) {
  const std::string_view a = decode_string(left, context.arena);
  const std::string_view b = decode_string(right, context.arena);
  if (a.size() + b.size() > kMostText) return failed(context, {"a string longer than 64 MiB"});
  char* bytes = context.arena.allocate(a.size() + b.size());
  if (!a.empty()) std::memcpy(bytes, a.data(), a.size());
  if (!b.empty()) std::memcpy(bytes + a.size(), b.data(), b.size());
  return Value::string({bytes, a.size() + b.size()});
}

Value joined_arrays(const Value& left, const Value& right, ArithmeticContext& context) {
  const Value a = expand(left, context.arena);
  const Value b = expand(right, context.arena);
  if (a.is_failed() || b.is_failed()) {
    context.malformed = true;
    return failed(context, {"an array that is not JSON"});
  }
  const std::size_t count = std::size_t{a.size()} + b.size();
  if (count > kMostItems) return failed(context, {"an array of more than ", Digits(kMostItems), " items"});
  Value* items = context.arena.allocate_array<Value>(count);
  std::uninitialized_copy_n(a.items(), a.size(), items);
  std::uninitialized_copy_n(b.items(), b.size(), items + a.size());
  return Value::built_array(items, static_cast<std::uint32_t>(count));
}

bool is_time(Type type) {
  return type == Type::timestamp || type == Type::duration;
}

double as_double(const Value& number) {
  return number.type() == Type::floating ? number.as_float() : static_cast<double>(number.as_int());
}

}  // namespace

Value arithmetic(Op op, const Value& left, const Value& right, ArithmeticContext& context) {
  const Type a = left.type();
  const Type b = right.type();
  if (left.is_number() || right.is_number()) {
    // Types first: `"x" * 1e400` is wrong whatever the number is.
    const bool numbers = left.is_number() && right.is_number();
    if (!numbers && !is_time(a) && !is_time(b)) return wrong_types(op, left, right, context);
    if (left.is_beyond()) return beyond(left, context);
    if (right.is_beyond()) return beyond(right, context);
    if (a == Type::integer && b == Type::integer) return integers(op, left.as_int(), right.as_int(), context);
    if (numbers) return floats(op, as_double(left), as_double(right), context);
  }
  if (is_time(a) || is_time(b)) return times(op, left, right, context);
  if (op == Op::add && a == Type::string && b == Type::string) return joined_strings(left, right, context);
  if (op == Op::add && a == Type::array && b == Type::array) return joined_arrays(left, right, context);
  return wrong_types(op, left, right, context);
}

Value negated(const Value& operand, ArithmeticContext& context) {
  const Type type = operand.type();
  if (type != Type::integer && type != Type::floating && type != Type::duration) {
    return failed(context, {"`-` does not take ", type_name(type)});
  }
  if (operand.is_beyond()) return beyond(operand, context);
  if (type == Type::floating) return Value::floating(-operand.as_float());
  if (operand.as_int() == kLowest)
    return failed(context, {type_name(type), " overflow: -(", Digits(kLowest), ")"});
  return type == Type::integer ? Value::integer(-operand.as_int()) : Value::duration(-operand.as_int());
}

}  // namespace pipec::runtime::eval
