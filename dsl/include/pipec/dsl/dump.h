// The AST as S-expressions, without places: two programs with the same dump mean the same.
#pragma once

#include <string>

#include "pipec/dsl/ast.h"

namespace pipec::dsl {

std::string dump(const File& file);
std::string dump(const Chain& chain);
std::string dump(const Expr& expr);

}  // namespace pipec::dsl
