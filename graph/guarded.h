// Calls into code that is not the engine's: an exception becomes an Error, so that none reaches TBB or ends a
// thread (D12).
#pragma once

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "pipec/runtime/error.h"

namespace pipec::graph {

inline runtime::Error exception_error(const char* what) {
  return {"exception", std::string("exception: ") + what, {}, {}, false};
}

// call() returns a Status or a Result.
template <typename Call>
auto guarded(Call&& call) -> std::invoke_result_t<Call> {
  try {
    return std::forward<Call>(call)();
  } catch (const std::exception& exception) {
    return exception_error(exception.what());
  } catch (...) {
    return exception_error("not a std::exception");
  }
}

}  // namespace pipec::graph
