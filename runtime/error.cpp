#include "pipec/runtime/error.h"

#include <cstdio>
#include <cstdlib>

namespace pipec::runtime {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::checkpoint:
      return "checkpoint";
    case ErrorCode::commit:
      return "commit";
    case ErrorCode::compile:
      return "compile";
    case ErrorCode::deadline:
      return "deadline";
    case ErrorCode::dead_letter:
      return "dead_letter";
    case ErrorCode::exception:
      return "exception";
    case ErrorCode::govern:
      return "govern";
    case ErrorCode::internal:
      return "internal";
    case ErrorCode::io:
      return "io";
    case ErrorCode::option:
      return "option";
    case ErrorCode::parse:
      return "parse";
    case ErrorCode::plan:
      return "plan";
    case ErrorCode::receiver:
      return "receiver";
    case ErrorCode::resources:
      return "resources";
    case ErrorCode::sink:
      return "sink";
    case ErrorCode::stage:
      return "stage";
    case ErrorCode::state:
      return "state";
    case ErrorCode::stopped:
      return "stopped";
    case ErrorCode::usage:
      return "usage";
  }
  return "internal";
}

void internal::wrong_access(const char* call, const Error* error) {
  if (error) {
    std::fprintf(stderr, "pipec: %s was called, but there is an error: %s: %s\n", call, error->code.c_str(),
                 error->message.c_str());
  } else {
    std::fprintf(stderr, "pipec: %s was called, but there is no error\n", call);
  }
  std::abort();
}

}  // namespace pipec::runtime
