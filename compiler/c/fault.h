// The outcome of a call of the C interface, and its conversion to a pipec_error.
#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "pipec/c.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/guarded.h"

namespace pipec::c {

struct Diagnostic {
  std::string code;
  std::string message;
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Fault {
  int result = PIPEC_FAILED;
  runtime::Error error;
  std::vector<Diagnostic> diagnostics = {};
};

inline Fault misuse(std::string message) {
  return {PIPEC_MISUSE, {"misuse", std::move(message), {}, {}, false}};
}

// A result code that is no error, or a fault.
using Answer = std::variant<int, Fault>;

// The caller frees it with pipec_error_free().
pipec_error* make_error(Fault fault);

// Runs the call and turns exceptions into result codes.
template <typename Call>
int answer(pipec_error** error, Call&& call) noexcept {
  if (error) *error = nullptr;
  try {
    Answer outcome = [&]() -> Answer {
      try {
        return call();
      } catch (const std::system_error& refused) {  // a thread that cannot be started
        return Fault{PIPEC_NO_MEMORY, {"resources", refused.what(), {}, {}, false}};
      } catch (const std::bad_alloc&) {
        return Fault{PIPEC_NO_MEMORY, runtime::memory_error()};
      } catch (const std::exception& exception) {
        return Fault{PIPEC_FAILED, runtime::exception_error(exception.what())};
      }
    }();
    if (const int* result = std::get_if<int>(&outcome)) return *result;
    Fault& fault = std::get<Fault>(outcome);
    const int result = fault.result;
    if (error) *error = make_error(std::move(fault));
    return result;
  } catch (...) {
    return PIPEC_NO_MEMORY;
  }
}

}  // namespace pipec::c
