// Functions that call a lambda for each item of an array.
#include <string>

#include "stdlib/functions/builders.h"
#include "stdlib/functions/containers.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"

namespace pipec::stdlib {

namespace {

// The place of the lambda among the arguments.
constexpr std::size_t kLambda = 1;

Value map(CallContext& context, Arguments arguments) {
  const auto items = items_of(context, arguments[0]);
  if (!items) return Value::failed();
  ListBuilder<Value> results(context.arena(), items->size());
  std::size_t made = 0;  // bytes of text
  for (const Value& item : *items) {
    const Value result = context.apply(kLambda, std::span(&item, 1));
    if (result.is_failed()) return result;
    if (result.type() == Type::string && result.form() == Value::Form::plain) made += result.size();
    if (made > kMaxText) return context.fail("the result is longer than 64 MiB");
    results.push(result);
  }
  return finished(results);
}

enum class Verdict { no, yes, failed };

// As in a condition: null counts as false, any other non-bool is an error.
Verdict holds(CallContext& context, const Value& item) {
  const Value result = context.apply(kLambda, std::span(&item, 1));
  if (result.is_failed()) return Verdict::failed;
  if (result.is_null()) return Verdict::no;
  if (result.type() == Type::boolean) return result.as_bool() ? Verdict::yes : Verdict::no;
  context.fail("the condition gives " + std::string(type_name(result.type())) + ", not bool");
  return Verdict::failed;
}

Value filter(CallContext& context, Arguments arguments) {
  const auto items = items_of(context, arguments[0]);
  if (!items) return Value::failed();
  ListBuilder<Value> kept(context.arena(), items->size());
  for (const Value& item : *items) {
    const Verdict verdict = holds(context, item);
    if (verdict == Verdict::failed) return Value::failed();
    if (verdict == Verdict::yes) kept.push(item);
  }
  return finished(kept);
}

// Stops at the first item whose verdict is `decisive`.
template <Verdict decisive>
Value search(CallContext& context, Arguments arguments) {
  runtime::ArrayWalker walker(arguments[0]);
  for (Value item; walker.next(item);) {
    const Verdict verdict = holds(context, item);
    if (verdict == Verdict::failed) return Value::failed();
    if (verdict == decisive) return Value::boolean(decisive == Verdict::yes);
  }
  if (walker.bad()) return context.fail("the array is malformed JSON");
  return Value::boolean(decisive != Verdict::yes);
}

}  // namespace

void register_lambdas(Registry& registry) {
  const Parameter array = required("a", Type::array);
  const Parameter condition = lambda("condition", TypeSet(Type::boolean) | Type::null);

  Family family(registry, "arrays");
  family.add("map", {array, lambda("expression")}, Type::array, "The lambda's result for each item",
             {{"map([1, 2], x -> x * 10)", "[10,20]"}}, map);
  family.add("filter", {array, condition}, Type::array, "The items for which the condition holds",
             {{"filter([1, 5, 9], x -> x > 3)", "[5,9]"}}, filter);
  family.add("any", {array, condition}, Type::boolean, "Whether the condition holds for some item",
             {{"any([1, 5], x -> x > 3)", "true"}, {"any([], x -> x > 3)", "false"}}, search<Verdict::yes>);
  family.add("all", {array, condition}, Type::boolean, "Whether the condition holds for every item",
             {{"all([1, 5], x -> x > 3)", "false"}, {"all([], x -> x > 3)", "true"}}, search<Verdict::no>);
}

}  // namespace pipec::stdlib
