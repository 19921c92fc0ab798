// Objects, in the order of their keys.
#include "stdlib/functions/builders.h"
#include "stdlib/functions/containers.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/object_builder.h"

namespace pipec::stdlib {

namespace {

Value keys(CallContext& context, Arguments arguments) {
  const auto members = members_of(context, arguments[0]);
  if (!members) return Value::failed();
  ListBuilder<Value> result(context.arena(), members->size());
  for (const Member& member : *members) result.push(Value::string(member.key));
  return finished(result);
}

Value values(CallContext& context, Arguments arguments) {
  const auto members = members_of(context, arguments[0]);
  if (!members) return Value::failed();
  ListBuilder<Value> result(context.arena(), members->size());
  for (const Member& member : *members) result.push(member.value);
  return finished(result);
}

Value merge(CallContext& context, Arguments arguments) {
  const auto left = members_of(context, arguments[0]);
  if (!left) return Value::failed();
  const auto right = members_of(context, arguments[1]);
  if (!right) return Value::failed();
  ObjectBuilder merged(context.arena(), left->size() + right->size());
  for (const Member& member : *left) merged.set(member.key, member.value);
  for (const Member& member : *right) merged.set(member.key, member.value);
  return merged.finish();
}

}  // namespace

void register_objects(Registry& registry) {
  const Parameter object = required("o", Type::object);

  Family family(registry, "objects");
  family.add("keys", {object}, Type::array, "The keys of the object, in order",
             {{R"(keys({"b": 1, "a": 2}))", R"(["b","a"])"}}, keys);
  family.add("values", {object}, Type::array, "The values of the object, in order",
             {{R"(values({"b": 1, "a": 2}))", "[1,2]"}}, values);
  family.add("merge", {required("left", Type::object), required("right", Type::object)}, Type::object,
             "The members of both objects; for keys in both, the right value at the left position",
             {{R"(merge({"a": 1, "b": 2}, {"c": 4, "a": 3}))", R"({"a":3,"b":2,"c":4})"}}, merge);
}

}  // namespace pipec::stdlib
