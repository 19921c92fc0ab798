// The commands; each returns the exit status.
#pragma once

#include "compiler/pipec/arguments.h"
#include "compiler/pipec/console.h"
#include "pipec/runtime/registry.h"

namespace pipec::cli {

int run_command(Console& console, const Arguments& arguments, const runtime::Registry& registry);
int eval_command(Console& console, const Arguments& arguments, const runtime::Registry& registry);
int check_command(Console& console, const Arguments& arguments, const runtime::Registry& registry);
int test_command(Console& console, const Arguments& arguments, const runtime::Registry& registry);
int explain_command(Console& console, const Arguments& arguments, const runtime::Registry& registry);
int graph_command(Console& console, const Arguments& arguments, const runtime::Registry& registry);
int functions_command(Console& console, const Arguments& arguments, const runtime::Registry& registry);
int completions_command(Console& console, const Arguments& arguments, const runtime::Registry& registry);
int fmt_command(Console& console, const Arguments& arguments);

}  // namespace pipec::cli
