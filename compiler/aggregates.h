// A stage's block of aggregates: `{ n = count() share = errors / count() }`.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "compiler/connector_options.h"
#include "pipec/dsl/ast.h"
#include "pipec/runtime/registry.h"

namespace pipec::compiler {

// What the expressions of such a block may call, and what came of it.
struct Aggregating {
  const std::deque<runtime::Function>& functions;
  std::vector<runtime::Options::Call>& calls;  // of the field that is being compiled
  std::vector<std::string>& reads;             // by the arguments
  std::vector<std::string>& failures;

  const runtime::Function* find(const std::string& name) const;
};

// Appends the fields to compiled.options->assignments; null options afterwards: reported.
void compile_aggregates(Context& context, const Module& module, const runtime::StageSpec& stage,
                        const dsl::AssignmentBlock& block, CompiledOptions& compiled);

}  // namespace pipec::compiler
