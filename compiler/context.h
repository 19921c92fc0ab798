// What all of one compilation's phases share.
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

  // How many expressions putting in the bodies of functions and repeated stage chains may still make. The
  // text itself does not count: only what grows out of it.
  std::uint32_t expansions_left = 250'000;
  // A stage chain that was put in somewhere already is being compiled again.
  unsigned repeating = 0;
  bool too_large = false;  // reported
};

}  // namespace pipec::compiler
