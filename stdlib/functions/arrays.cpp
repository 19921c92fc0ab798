// Arrays. Items that are only moved stay unchanged, byte for byte.
#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "stdlib/functions/builders.h"
#include "stdlib/functions/containers.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/value_hash.h"

namespace pipec::stdlib {

namespace {

// Types that are sorted among each other: both kinds of numbers are one.
Type sorting_type(const Value& value) {
  return value.is_number() ? Type::integer : value.type();
}

// The value to compare by: strings decoded once, not at every comparison.
struct SortItem {
  Value key;
  const Value* item;
};

Value sort(CallContext& context, Arguments arguments) {
  Arena& arena = context.arena();
  const auto items = items_of(context, arguments[0]);
  if (!items) return Value::failed();
  // In the arena, where what one record may take is counted.
  const std::span<SortItem> order(arena.allocate_array<SortItem>(items->size()), items->size());
  SortItem* next = order.data();
  for (const Value& item : *items) {
    if (sorting_type(item) != sorting_type(items->front())) {
      const std::string reason = "an array of " + std::string(type_name(items->front().type())) + " and " +
                                 std::string(type_name(item.type())) + " has no order";
      return context.fail(reason);
    }
    const Value key = item.type() == Type::string ? runtime::decoded(item, arena) : item;
    // Also ensures that every comparison below is defined.
    if (items->size() > 1 && !runtime::compare(key, key, arena)) {
      return context.fail("values of type " + std::string(type_name(item.type())) + " have no order");
    }
    *next++ = {key, &item};
  }
  std::stable_sort(order.begin(), order.end(), [&arena](const SortItem& a, const SortItem& b) {
    return runtime::compare(a.key, b.key, arena).value_or(0) < 0;
  });
  ListBuilder<Value> sorted(arena, order.size());
  for (const SortItem& entry : order) sorted.push(*entry.item);
  return finished(sorted);
}

Value unique(CallContext& context, Arguments arguments) {
  Arena& arena = context.arena();
  const auto items = items_of(context, arguments[0]);
  if (!items) return Value::failed();
  ListBuilder<Value> kept(arena, items->size());
  std::unordered_multimap<std::uint64_t, std::size_t> by_hash;  // places in `kept`
  for (const Value& item : *items) {
    const std::uint64_t hash = hash_value(item, arena);
    const auto [first, last] = by_hash.equal_range(hash);
    const bool seen = std::any_of(
        first, last, [&](const auto& entry) { return runtime::equal(kept[entry.second], item, arena); });
    if (seen) continue;
    by_hash.emplace(hash, kept.size());
    kept.push(item);
  }
  return finished(kept);
}

Value reverse(CallContext& context, Arguments arguments) {
  const auto items = items_of(context, arguments[0]);
  if (!items) return Value::failed();
  ListBuilder<Value> reversed(context.arena(), items->size());
  for (std::size_t i = items->size(); i > 0; --i) reversed.push((*items)[i - 1]);
  return finished(reversed);
}

Value flatten(CallContext& context, Arguments arguments) {
  ListBuilder<Value> flat(context.arena());
  std::vector<runtime::ArrayWalker> open = {runtime::ArrayWalker(arguments[0])};
  while (!open.empty()) {
    Value item;
    if (!open.back().next(item)) {
      if (open.back().bad()) return context.fail("the array is malformed JSON");
      open.pop_back();
      continue;
    }
    if (item.type() != Type::array) {
      flat.push(item);
      continue;
    }
    if (open.size() >= runtime::kMaxDepth) return context.fail("nested deeper than 1024");
    open.emplace_back(item);
  }
  return finished(flat);
}

Value first(CallContext& context, Arguments arguments) {
  if (arguments[0].is_null()) return Value();
  runtime::ArrayWalker walker(arguments[0]);
  Value item;
  if (walker.next(item)) return item;
  return walker.bad() ? context.fail("the array is malformed JSON") : Value();
}

Value last(CallContext& context, Arguments arguments) {
  if (arguments[0].is_null()) return Value();
  const auto items = items_of(context, arguments[0]);
  if (!items) return Value::failed();
  return items->empty() ? Value() : items->back();
}

}  // namespace

void register_arrays(Registry& registry) {
  const Parameter array = required("a", Type::array);
  const Parameter array_or_null = required("a", TypeSet(Type::array) | Type::null);

  Family family(registry, "arrays");
  family.add("sort", {array}, Type::array,
             "The items in ascending order: all numbers, all strings or all timestamps",
             {{"sort([3, 1.5, 2])", "[1.5,2,3]"},
              {R"(sort(["b", "a"]))", R"(["a","b"])"},
              {R"(sort([1, "a"]))", "error"}},
             sort);
  family.add("unique", {array}, Type::array, "The items without duplicates",
             {{"unique([1, 2, 1, 1.0])", "[1,2]"}}, unique);
  family.add("reverse", {array}, Type::array, "The items from the last to the first",
             {{"reverse([1, 2, 3])", "[3,2,1]"}}, reverse);
  family.add("flatten", {array}, Type::array, "The items of the array and of all arrays inside it",
             {{"flatten([1, [2, [3]], []])", "[1,2,3]"}}, flatten);
  family.add("first", {array_or_null}, TypeSet::any(), "The first item; null if there is none",
             {{"first([1, 2])", "1"}, {"first([])", "null"}}, first);
  family.add("last", {array_or_null}, TypeSet::any(), "The last item; null if there is none",
             {{"last([1, 2])", "2"}}, last);
}

}  // namespace pipec::stdlib
