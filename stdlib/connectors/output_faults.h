// What file sinks say when something is wrong.
#pragma once

#include <string>

#include "pipec/runtime/error.h"

namespace pipec::stdlib {

inline runtime::Error sink_error(std::string message) {
  return runtime::Error{"sink", std::move(message), {}, {}, false};
}

inline std::string in_use(const std::string& full) {
  return full + " is being written by somebody else (another pipec, or another sink of this one)";
}

// Errors of open() that a path from a record can bring about by itself. Null: a fault of the world.
const char* path_fault(int error);

}  // namespace pipec::stdlib
