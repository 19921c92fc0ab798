// The standard library: every function, stage, connector and format that comes with pipec.
#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

// If the program has already registered something under the same name, the registry rejects the new entry and
// records that in Registry::problem(), which compile_text() returns.

// Everything below.
void register_all(runtime::Registry& registry);

void register_functions(runtime::Registry& registry);  // functions/, and the regex library for `matches`
void register_connectors(runtime::Registry& registry);
void register_stages(runtime::Registry& registry);   // `unroll`, `dedupe`, ...
void register_formats(runtime::Registry& registry);  // formats/: parse, encode and framing

}  // namespace pipec::stdlib
