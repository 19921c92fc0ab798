// Which names a definition refers to.
#pragma once

#include <string>
#include <vector>

#include "pipec/dsl/ast.h"

namespace pipec::compiler {

struct Reference {
  const std::string* name;  // lives in the AST
  dsl::Span span;
  bool call = false;  // of a function; else a stream or a stage chain
};

// In the order of the text, everything below included. Bounded as the AST is.
void references_of(const dsl::Pipeline& pipeline, std::vector<Reference>& out);
void references_of(const dsl::Expr& expr, std::vector<Reference>& out);

}  // namespace pipec::compiler
