#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

#define PIPEC_FORMAT(name) void register_##name##_format(runtime::Registry& registry);
#include "stdlib/formats/formats.def"
#undef PIPEC_FORMAT

}  // namespace pipec::stdlib
