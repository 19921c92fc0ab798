// `+ - * / %` and unary `-` on values. Never wraps around, never returns an infinity or a NaN.
#pragma once

#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/value.h"
#include "runtime/eval/reason.h"

namespace pipec::runtime::eval {

// Joined text and arrays end here: a program that doubles a value in a loop fails instead of taking all
// memory.
inline constexpr std::size_t kMostText = std::size_t{64} << 20;
inline constexpr std::size_t kMostItems = std::size_t{4} << 20;

struct ArithmeticContext {
  Arena& arena;
  Reason& reason;          // filled where the result is Value::failed()
  bool malformed = false;  // an array that had to be walked is not valid JSON
};

Value arithmetic(Op op, const Value& left, const Value& right, ArithmeticContext& context);
Value negated(const Value& operand, ArithmeticContext& context);

}  // namespace pipec::runtime::eval
