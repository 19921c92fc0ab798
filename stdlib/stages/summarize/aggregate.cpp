#include "stdlib/stages/summarize/aggregate.h"

#include <utility>

namespace pipec::stdlib {

using runtime::Function;
using runtime::Parameter;
using runtime::Type;
using runtime::TypeSet;
using runtime::Value;

namespace {

const TypeSet kNumbers = TypeSet::number() | Type::null;
const TypeSet kOrdered = kNumbers | Type::string | Type::timestamp;
const TypeSet kAnything = TypeSet::any();
constexpr std::int64_t kCollected = 1000;

Function function(const char* name, TypeSet takes, TypeSet result, const char* doc) {
  Function made;
  made.name = name;
  made.family = "aggregates";
  Parameter value;
  value.name = "x";
  value.types = takes;
  made.parameters = {value};
  made.result = result;
  made.doc = doc;
  return made;
}

Function with(Function made, const char* name, TypeSet types, std::optional<Value> fallback = {}) {
  Parameter parameter;
  parameter.name = name;
  parameter.types = types;
  parameter.fallback = fallback;
  made.parameters.push_back(std::move(parameter));
  return made;
}

}  // namespace

std::string wrong_type(const Function& function, const Value& value) {
  std::string takes;
  for (const Type type : {Type::boolean, Type::string, Type::timestamp}) {
    if (!function.parameters[0].types.has(type)) continue;
    takes += (takes.empty() ? "a " : " or a ") + std::string(runtime::type_name(type));
  }
  if (function.parameters[0].types.has(Type::integer))
    takes = "a number" + (takes.empty() ? "" : ", " + takes);
  const std::string got =
      value.is_beyond() ? "one beyond 64 bits" : std::string(runtime::type_name(value.type()));
  return function.name + " takes " + takes + ", got " + got;
}

std::deque<Function> aggregate_functions() {
  std::deque<Function> all;
  Function count = function("count", TypeSet(Type::boolean) | Type::null, Type::integer,
                            "How many records there are, or for how many the condition holds");
  count.parameters[0].name = "condition";
  count.parameters[0].fallback = Value();
  all.push_back(std::move(count));
  const TypeSet number = TypeSet::number();
  const TypeSet real = TypeSet(Type::floating) | Type::null;
  all.push_back(function("sum", kNumbers, number, "The exact sum: an int of ints, else the nearest float"));
  all.push_back(function("avg", kNumbers, real, "The float nearest to the exact mean"));
  all.push_back(function("stddev", kNumbers, real, "The standard deviation of a sample"));
  all.push_back(function("min", kOrdered, kOrdered, "The smallest value; all of a group have one type"));
  all.push_back(function("max", kOrdered, kOrdered, "The largest value; all of a group have one type"));
  all.push_back(function("first", kAnything, kAnything, "The first value that is not null"));
  all.push_back(function("last", kAnything, kAnything, "The last value that is not null"));
  all.push_back(function("distinct", kAnything, Type::integer, "How many different values there are"));
  all.push_back(
      with(function("quantile", kNumbers, real, "The exact quantile, interpolated between two ranks"), "q",
           number));
  all.push_back(function("median", kNumbers, real, "quantile(x, 0.5)"));
  all.push_back(with(function("collect", kAnything, Type::array, "The first values, in order"), "limit",
                     Type::integer, Value::integer(kCollected)));
  all.push_back(
      with(function("collect_distinct", kAnything, Type::array, "The first different values, in order"),
           "limit", Type::integer, Value::integer(kCollected)));
  all.push_back(with(function("top", kAnything, Type::array,
                              "The n most frequent values as {value, count}; ties by first appearance"),
                     "n", Type::integer));
  return all;
}

std::unique_ptr<Aggregate> make_aggregate(const runtime::Options::Call& call, const AggregateSetup& setup) {
  if (auto made = make_sum_aggregate(call)) return made;
  if (auto made = make_number_aggregate(call)) return made;
  if (auto made = make_order_aggregate(call)) return made;
  return make_list_aggregate(call, setup);
}

}  // namespace pipec::stdlib
