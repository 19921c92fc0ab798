// The fields without which a condition cannot hold.
#pragma once

#include <string>
#include <vector>

#include "pipec/runtime/program.h"

namespace pipec::compiler {

// Each as its keys: {"a", "b"} for .a.b. A condition that only tests whether a field exists, or gives a
// default for it, needs none.
std::vector<std::vector<std::string>> needed_fields(const runtime::Program& condition);

}  // namespace pipec::compiler
