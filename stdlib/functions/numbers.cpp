// Numbers: results are exact or an error; they never wrap around.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "stdlib/functions/containers.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/number.h"
#include "stdlib/functions/rounding.h"

namespace pipec::stdlib {

namespace {

bool any_beyond(Arguments arguments) {
  for (const Value& argument : arguments) {
    if (argument.is_beyond()) return true;
  }
  return false;
}

Value absolute(CallContext& context, Arguments arguments) {
  const Value& number = arguments[0];
  if (number.is_beyond()) return context.fail(kBeyond);
  if (number.type() == Type::floating) return Value::floating(std::fabs(number.as_float()));
  if (number.as_int() == INT64_MIN) return context.fail(kOverflow);
  return Value::integer(number.as_int() < 0 ? -number.as_int() : number.as_int());
}

template <double (*whole)(double)>
Value to_whole(CallContext& context, Arguments arguments) {
  const Value& number = arguments[0];
  if (number.is_beyond()) return context.fail(kBeyond);
  if (number.type() == Type::integer) return Value::integer(number.as_int());
  return integer_or_fail(context, whole(number.as_float()));
}

double floor_of(double value) {
  return std::floor(value);
}
double ceiling_of(double value) {
  return std::ceil(value);
}

// To a multiple of 10^places, halves away from zero.
Value round_integer(CallContext& context, std::int64_t value, std::int64_t places) {
  if (places > 19) return Value::integer(0);
  __int128 unit = 1;
  for (std::int64_t i = 0; i < places; ++i) unit *= 10;
  const __int128 magnitude = value < 0 ? -static_cast<__int128>(value) : static_cast<__int128>(value);
  __int128 rounded = (magnitude + unit / 2) / unit * unit;
  if (value < 0) rounded = -rounded;
  if (rounded > INT64_MAX || rounded < INT64_MIN) return context.fail(kOverflow);
  return Value::integer(static_cast<std::int64_t>(rounded));
}

constexpr std::int64_t kMaxDigits = 400;  // beyond every digit of a double

Value round(CallContext& context, Arguments arguments) {
  if (any_beyond(arguments)) return context.fail(kBeyond);
  const Value& number = arguments[0];
  const std::int64_t digits = std::min(std::max(arguments[1].as_int(), -kMaxDigits), kMaxDigits);
  if (number.type() == Type::integer) {
    return digits >= 0 ? Value::integer(number.as_int()) : round_integer(context, number.as_int(), -digits);
  }
  if (digits == 0) return integer_or_fail(context, std::round(number.as_float()));
  return float_or_fail(context, round_decimal(number.as_float(), static_cast<int>(digits)));
}

Value div(CallContext& context, Arguments arguments) {
  if (any_beyond(arguments)) return context.fail(kBeyond);
  if (to_double(arguments[1]) == 0) return context.fail("division by zero");
  if (arguments[0].type() == Type::integer && arguments[1].type() == Type::integer) {
    if (arguments[0].as_int() == INT64_MIN && arguments[1].as_int() == -1) return context.fail(kOverflow);
    return Value::integer(arguments[0].as_int() / arguments[1].as_int());
  }
  return integer_or_fail(context, std::trunc(to_double(arguments[0]) / to_double(arguments[1])));
}

// nullopt: overflow. exponent >= 0.
std::optional<std::int64_t> integer_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  while (true) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return std::nullopt;
    exponent >>= 1;
    if (exponent == 0) return result;
    if (__builtin_mul_overflow(base, base, &base)) return std::nullopt;
  }
}

Value pow(CallContext& context, Arguments arguments) {
  if (any_beyond(arguments)) return context.fail(kBeyond);
  if (arguments[0].type() == Type::integer && arguments[1].type() == Type::integer &&
      arguments[1].as_int() >= 0) {
    const auto power = integer_power(arguments[0].as_int(), arguments[1].as_int());
    return power ? Value::integer(*power) : context.fail(kOverflow);
  }
  return float_or_fail(context, std::pow(to_double(arguments[0]), to_double(arguments[1])));
}

Value sqrt(CallContext& context, Arguments arguments) {
  if (any_beyond(arguments)) return context.fail(kBeyond);
  return float_or_fail(context, std::sqrt(to_double(arguments[0])));
}

// The result is the original number, so it keeps its text.
Value clamp(CallContext& context, Arguments arguments) {
  Arena& arena = context.arena();
  const auto order = runtime::compare(arguments[1], arguments[2], arena);
  if (!order || *order > 0) return context.fail("the lower bound is above the upper one");
  if (runtime::compare(arguments[0], arguments[1], arena).value_or(0) < 0) return arguments[1];
  if (runtime::compare(arguments[0], arguments[2], arena).value_or(0) > 0) return arguments[2];
  return arguments[0];
}

// The array's items, all of them numbers. nullopt: the call has failed.
std::optional<std::span<const Value>> numbers_of(CallContext& context, const Value& array) {
  const auto items = items_of(context, array);
  if (!items) return std::nullopt;
  for (std::size_t i = 0; i < items->size(); ++i) {
    if ((*items)[i].is_number()) continue;
    const std::string reason = "item " + std::to_string(i) + " is of type " +
                               std::string(type_name((*items)[i].type())) + ", not a number";
    context.fail(reason);
    return std::nullopt;
  }
  return items;
}

// sign 1: the greatest; -1: the least. The first of equal ones.
template <int sign>
Value extreme(CallContext& context, Arguments arguments) {
  const auto items = numbers_of(context, arguments[0]);
  if (!items) return Value::failed();
  if (items->empty()) return Value();
  const Value* best = &items->front();
  for (const Value& item : *items) {
    if (runtime::compare(item, *best, context.arena()).value_or(0) * sign > 0) best = &item;
  }
  return *best;
}

Value sum(CallContext& context, Arguments arguments) {
  const auto items = numbers_of(context, arguments[0]);
  if (!items) return Value::failed();
  if (any_beyond(*items)) return context.fail(kBeyond);
  // As `a + b + c`: an int until the first float.
  std::int64_t whole = 0;
  std::size_t i = 0;
  for (; i < items->size() && (*items)[i].type() == Type::integer; ++i) {
    if (__builtin_add_overflow(whole, (*items)[i].as_int(), &whole)) return context.fail(kOverflow);
  }
  if (i == items->size()) return Value::integer(whole);
  auto total = static_cast<double>(whole);
  for (; i < items->size(); ++i) total += to_double((*items)[i]);
  return float_or_fail(context, total);
}

Value avg(CallContext& context, Arguments arguments) {
  const auto items = numbers_of(context, arguments[0]);
  if (!items) return Value::failed();
  if (items->empty()) return Value();
  if (any_beyond(*items)) return context.fail(kBeyond);
  __int128 whole = 0;  // no array of 64-bit integers overflows it
  double fraction = 0;
  for (const Value& item : *items) {
    if (item.type() == Type::integer) {
      whole += item.as_int();
    } else {
      fraction += item.as_float();
    }
  }
  return float_or_fail(context, (static_cast<double>(whole) + fraction) / static_cast<double>(items->size()));
}

Value random_float(CallContext& context, Arguments) {
  return Value::floating(static_cast<double>(context.random() >> 11) * 0x1.0p-53);
}

Value random_int(CallContext& context, Arguments arguments) {
  if (any_beyond(arguments)) return context.fail(kBeyond);
  const std::int64_t low = arguments[0].as_int();
  const std::int64_t high = arguments[1].as_int();
  if (low >= high) return context.fail("the upper bound is not above the lower one");
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  // The high half of the product spreads the bits over the range; the bias is below range / 2^64.
  const auto offset =
      static_cast<std::uint64_t>((static_cast<unsigned __int128>(context.random()) * range) >> 64);
  return Value::integer(static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset));
}

Prepared check_bounds(Constants arguments) {
  if (arguments[1] && arguments[2] && !arguments[1]->is_beyond() && !arguments[2]->is_beyond() &&
      to_double(*arguments[1]) > to_double(*arguments[2])) {
    return bad_argument("the lower bound is above the upper one");
  }
  return nothing_prepared();
}

}  // namespace

void register_numbers(Registry& registry) {
  const TypeSet number = TypeSet::number();
  const Parameter n = required("n", number);
  const Parameter numbers = required("a", Type::array);

  Family family(registry, "numbers");
  family.add("abs", {n}, number, "The number without its sign", {{"abs(-3)", "3"}, {"abs(-1.5)", "1.5"}},
             absolute);
  family.add("floor", {n}, Type::integer, "The greatest integer that is not above the number",
             {{"floor(-1.5)", "-2"}}, to_whole<floor_of>);
  family.add("ceil", {n}, Type::integer, "The least integer that is not below the number",
             {{"ceil(1.2)", "2"}}, to_whole<ceiling_of>);
  family.add("round", {n, defaulted("digits", Type::integer, Value::integer(0))}, number,
             "The number rounded to decimal places, halves away from zero; an int if there are none",
             {{"round(2.5)", "3"},
              {"round(-2.5)", "-3"},
              {"round(3.14159, 2)", "3.14"},
              {"round(1250, -2)", "1300"}},
             round);
  family.add("div", {required("a", number), required("b", number)}, Type::integer,
             "The integer quotient, rounded towards zero",
             {{"div(7, 2)", "3"}, {"div(-7, 2)", "-3"}, {"div(1, 0)", "error"}}, div);
  family.add("pow", {required("base", number), required("exponent", number)}, number,
             "The power; an int if base and exponent are ints and the exponent is not negative",
             {{"pow(2, 10)", "1024"}, {"pow(2, -1)", "0.5"}, {"pow(10, 19)", "error"}}, pow);
  family.add("sqrt", {n}, Type::floating, "The square root", {{"sqrt(16)", "4.0"}, {"sqrt(-1)", "error"}},
             sqrt);
  family.add("clamp", {n, required("low", number), required("high", number)}, number,
             "The number, limited to the bounds", {{"clamp(12, 0, 10)", "10"}, {"clamp(5, 0, 10)", "5"}},
             clamp, check_bounds);
  family.add("min", {numbers}, number | Type::null, "The least number of the array; null if it is empty",
             {{"min([3, 1.5, 2])", "1.5"}, {"min([])", "null"}}, extreme<-1>);
  family.add("max", {numbers}, number | Type::null, "The greatest number of the array; null if it is empty",
             {{"max([3, 1.5, 2])", "3"}}, extreme<1>);
  family.add("sum", {numbers}, number, "The sum of the array's numbers; 0 if it is empty",
             {{"sum([1, 2, 3])", "6"}, {"sum([0.5, 1])", "1.5"}, {"sum([])", "0"}}, sum);
  family.add("avg", {numbers}, TypeSet(Type::floating) | Type::null,
             "The mean of the array's numbers; null if it is empty",
             {{"avg([1, 2])", "1.5"}, {"avg([])", "null"}}, avg);
  family.add_impure("random", {}, Type::floating, "A random number from 0 up to 1, not included",
                    {{"random() < 1", "true"}}, random_float);
  family.add_impure("random_int", {required("low", Type::integer), required("high", Type::integer)},
                    Type::integer, "A random integer from low up to high, not included",
                    {{"random_int(5, 6)", "5"}}, random_int);
}

}  // namespace pipec::stdlib
