#include <algorithm>
#include <cstring>

#include "pipec/runtime/containers.h"
#include "pipec/runtime/json.h"
#include "runtime/json/number.h"

namespace pipec::runtime {

namespace {

// Values that a program builds may nest deeper than any record; beyond this depth they compare as different.
constexpr std::size_t kDeepest = 2 * kMaxDepth;

bool deep_equal(const Value& a, const Value& b, Arena& arena, std::size_t depth);

// Member pointers sorted by key; keys are unique.
const Member** sorted(const Value& object, Arena& arena) {
  auto** order = arena.allocate_array<const Member*>(object.size());
  for (std::uint32_t i = 0; i < object.size(); ++i) order[i] = object.members() + i;
  std::sort(order, order + object.size(), [](const Member* x, const Member* y) { return x->key < y->key; });
  return order;
}

bool equal_containers(const Value& a, const Value& b, Arena& arena, std::size_t depth) {
  if (a.form() == b.form() && a.form() != Value::Form::built && a.text() == b.text()) return true;
  const Value x = expand(a, arena);
  const Value y = expand(b, arena);
  if (x.is_failed() || y.is_failed() || x.size() != y.size()) return false;
  if (a.type() == Type::array) {
    for (std::uint32_t i = 0; i < x.size(); ++i) {
      if (!deep_equal(x.items()[i], y.items()[i], arena, depth)) return false;
    }
    return true;
  }
  const Member** left = sorted(x, arena);
  const Member** right = sorted(y, arena);
  for (std::uint32_t i = 0; i < x.size(); ++i) {
    if (left[i]->key != right[i]->key) return false;
  }
  for (std::uint32_t i = 0; i < x.size(); ++i) {
    if (!deep_equal(left[i]->value, right[i]->value, arena, depth)) return false;
  }
  return true;
}

bool deep_equal(const Value& a, const Value& b, Arena& arena, std::size_t depth) {
  if (a.is_number() && b.is_number()) return json::compare_numbers(a, b) == 0;
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Type::null:
      return true;
    case Type::boolean:
      return a.as_bool() == b.as_bool();
    case Type::timestamp:
    case Type::duration:
      return a.as_int() == b.as_int();
    case Type::bytes:
      return a.text() == b.text();
    case Type::string:
      if (!a.is_escaped() && !b.is_escaped()) return a.text() == b.text();
      return decode_string(a, arena) == decode_string(b, arena);
    case Type::array:
    case Type::object:
      return depth < kDeepest && equal_containers(a, b, arena, depth + 1);
    case Type::integer:
    case Type::floating:
    case Type::failed:
      return false;
  }
  return false;
}

}  // namespace

bool equal(const Value& a, const Value& b, Arena& arena) {
  return deep_equal(a, b, arena, 0);
}

std::optional<int> compare(const Value& a, const Value& b, Arena& arena) {
  if (a.is_number() && b.is_number()) return json::compare_numbers(a, b);
  if (a.type() != b.type()) return std::nullopt;
  switch (a.type()) {
    case Type::string:
      return decode_string(a, arena).compare(decode_string(b, arena));
    case Type::timestamp:
    case Type::duration:
      return a.as_int() < b.as_int() ? -1 : a.as_int() > b.as_int();
    default:
      return std::nullopt;
  }
}

}  // namespace pipec::runtime
