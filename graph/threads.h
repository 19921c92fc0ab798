// Whether the threads that a run needs can be started: TBB starts its workers when they are first needed, and
// a failure there could not be reported.
#pragma once

#include <string>

#include "pipec/runtime/error.h"

namespace pipec::graph {

// Starts `count` threads at the same time and ends them again.
runtime::Status probe_threads(unsigned count);

runtime::Error thread_error(const std::string& why) noexcept;

}  // namespace pipec::graph
