// The stages of the standard library: each has its own file and a line in list.def.
#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

#define STAGE(name) void register_##name(runtime::Registry& registry);
#include "stdlib/stages/list.def"
#undef STAGE

// The option `n` of head and tail, and its check.
inline runtime::OptionSpec count_option(const char* doc) {
  runtime::OptionSpec n;
  n.name = "n";
  n.types = runtime::Type::integer;
  n.required = true;
  n.doc = doc;
  return n;
}
inline runtime::Status check_count(const runtime::Options& options) {
  if (options.integer("n", 0) >= 1) return {};
  return runtime::Error::make(runtime::ErrorCode::plan, "'n' is at least 1");
}

}  // namespace pipec::stdlib
