// The engine's name for it.
#pragma once

#include "pipec/runtime/guarded.h"

namespace pipec::graph {

using runtime::exception_error;
using runtime::guarded;

}  // namespace pipec::graph
