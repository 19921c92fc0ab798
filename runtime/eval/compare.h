// The six comparisons, with the most common type pairs inlined; the others call compare() and equal() of
// json.h. A comparison is always true or false.
#pragma once

#include <cstdint>

#include "pipec/runtime/json.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime::eval {

template <typename T>
inline bool ordered(Op op, const T& a, const T& b) {
  switch (op) {
    case Op::equal:
      return a == b;
    case Op::not_equal:
      return !(a == b);
    case Op::less:
      return a < b;
    case Op::less_equal:
      return !(b < a);
    case Op::greater:
      return b < a;
    default:
      return !(a < b);
  }
}

// For pairs that the fast paths do not know.
bool holds_slowly(Op op, const Value& a, const Value& b, Arena& arena);

inline bool holds(Op op, const Value& a, const Value& b, Arena& arena) {
  // Up to here every int is a double too, so that int and float compare as doubles without rounding.
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  const auto exact = [](const Value& v) { return v.as_int() <= kExact && v.as_int() >= -kExact; };
  if (!a.is_beyond() && !b.is_beyond()) {
    if (a.type() == Type::integer) {
      if (b.type() == Type::integer) return ordered(op, a.as_int(), b.as_int());
      if (b.type() == Type::floating && exact(a))
        return ordered(op, static_cast<double>(a.as_int()), b.as_float());
    } else if (a.type() == Type::floating) {
      if (b.type() == Type::floating) return ordered(op, a.as_float(), b.as_float());
      if (b.type() == Type::integer && exact(b))
        return ordered(op, a.as_float(), static_cast<double>(b.as_int()));
    } else if (a.type() == Type::string && b.type() == Type::string && !a.is_escaped() && !b.is_escaped()) {
      return ordered(op, a.text(), b.text());
    }
  }
  return holds_slowly(op, a, b, arena);
}

}  // namespace pipec::runtime::eval
