// The stages of the standard library: each has its own file and a line in list.def.
#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

#define STAGE(name) void register_##name(runtime::Registry& registry);
#include "stdlib/stages/list.def"
#undef STAGE

}  // namespace pipec::stdlib
