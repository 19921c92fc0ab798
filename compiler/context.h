// State shared by all phases of one compilation.
#pragma once

#include <cstdint>

#include "compiler/names.h"
#include "compiler/report.h"
#include "pipec/compiler/compile.h"
#include "pipec/runtime/registry.h"

namespace pipec::compiler {

struct Context {
  const runtime::Registry& registry;
  const CompileOptions& options;
  Report& report;

  // How many more expressions may result from inlining functions and repeated stage chains. Expressions in
  // the text itself do not count.
  std::uint32_t expansions_left = 250'000;
  // A stage chain that was already inlined elsewhere is being compiled again.
  unsigned repeating = 0;
  bool too_large = false;  // reported
};

}  // namespace pipec::compiler
