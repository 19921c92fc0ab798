#include "runtime/eval/compare.h"

namespace pipec::runtime::eval {

bool holds_slowly(Op op, const Value& a, const Value& b, Arena& arena) {
  if (op == Op::equal) return equal(a, b, arena);
  if (op == Op::not_equal) return !equal(a, b, arena);
  const std::optional<int> order = compare(a, b, arena);
  return order && ordered(op, *order, 0);
}

}  // namespace pipec::runtime::eval
