// commit, dlq, govern, name: once each.
#pragma once

#include <string>

#include "compiler/context.h"
#include "compiler/flow.h"
#include "compiler/names.h"

namespace pipec::compiler {

// The pipeline's name: of the `name` directive, else the file's stem.
std::string pipeline_name(Context& context, const Module& module);

// Checks all directives of the file and applies them to the flow's plan.
void compile_directives(Context& context, const Module& module, FlowCompiler& flow);

}  // namespace pipec::compiler
