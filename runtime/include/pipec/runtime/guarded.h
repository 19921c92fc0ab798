// Calls into code that is not pipec's: an exception becomes an Error, so that none ends a thread (D12).
#pragma once

#include <exception>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "pipec/runtime/error.h"

namespace pipec::runtime {

inline Error exception_error(const char* what) {
  return Error::make(ErrorCode::exception, std::string("exception: ") + what);
}

// Short enough that no memory is needed for it.
inline Error memory_error() {
  return Error::make("memory", "out of memory");
}

namespace detail {

template <typename Call>
auto guarded_value(Call&& call) -> std::invoke_result_t<Call> {
  try {
    return std::forward<Call>(call)();
  } catch (const std::bad_alloc&) {
    return memory_error();
  } catch (const std::exception& exception) {
    return exception_error(exception.what());
  } catch (...) {
    return exception_error("not a std::exception");
  }
}

}  // namespace detail

// call() returns a Status, a Result, or nothing, which counts as success.
template <typename Call>
auto guarded(Call&& call) {
  if constexpr (std::is_void_v<std::invoke_result_t<Call>>) {
    return detail::guarded_value([&]() -> Status {
      std::forward<Call>(call)();
      return {};
    });
  } else {
    return detail::guarded_value(std::forward<Call>(call));
  }
}

}  // namespace pipec::runtime
