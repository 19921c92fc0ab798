// Error messages of file sinks.
#pragma once

#include <string>

#include "pipec/runtime/error.h"

namespace pipec::stdlib {

inline runtime::Error sink_error(std::string message) {
  return runtime::Error{"sink", std::move(message), {}, {}, false};
}

inline std::string in_use(const std::string& full) {
  return full + " is already being written by another process, or by another sink of this one";
}

// Errors of open() that can be caused by a path taken from a record alone. Null: an environment failure.
const char* path_fault(int error);

}  // namespace pipec::stdlib
