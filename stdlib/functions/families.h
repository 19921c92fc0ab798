// The families of functions: each has its own file and a line in list.def.
#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

#define FAMILY(name) void register_##name(runtime::Registry& registry);
#include "stdlib/functions/list.def"
#undef FAMILY

}  // namespace pipec::stdlib
