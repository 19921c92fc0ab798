// The compiler's type rules: the names of types in messages, and the result types of operators.
#pragma once

#include <string>

#include "pipec/dsl/ast.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/value.h"

namespace pipec::compiler {

// "a string", "an int or a string", "a number", "any value".
std::string describe(runtime::TypeSet types);

// The types that `left op right` can have, failure aside; empty where it always fails.
runtime::TypeSet result_of(dsl::BinaryOp op, runtime::TypeSet left, runtime::TypeSet right);
// The operands that the operator accepts, for messages: "numbers, two strings or two arrays".
std::string operands_of(dsl::BinaryOp op);
// Some pair of these types fails.
bool may_fail(runtime::Op op, runtime::TypeSet left, runtime::TypeSet right);
// No pair of these types is equal (or, `ordered`, has an order): the comparison does not depend on the
// values.
bool never_compares(bool ordered, runtime::TypeSet left, runtime::TypeSet right);

runtime::Op lowered(dsl::BinaryOp op);

inline constexpr runtime::TypeSet kCondition = runtime::TypeSet(runtime::Type::boolean) | runtime::Type::null;

}  // namespace pipec::compiler
