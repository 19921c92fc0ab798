// `test` blocks: checked with every compilation, prepared to run for `pipec test`.
#pragma once

#include <vector>

#include "compiler/context.h"
#include "compiler/names.h"
#include "pipec/compiler/compile.h"
#include "pipec/runtime/registry.h"

namespace pipec::compiler {

void check_tests(Context& context, const Module& module);
// Of a file without an error.
std::vector<Test> make_tests(Context& context, Names& names, const runtime::ConnectorContext& connectors);

}  // namespace pipec::compiler
