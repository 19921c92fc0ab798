// The standard library: every function, stage, connector and format that comes with pipec.
#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

// What the registry refuses, since the program has registered something of the same name before, stands in
// Registry::problem(), which compile_text() gives back.

// Everything below.
void register_all(runtime::Registry& registry);

void register_functions(runtime::Registry& registry);  // functions/, and the regex library behind `matches`
void register_connectors(runtime::Registry& registry);
void register_stages(runtime::Registry& registry);   // `unroll`, `dedupe`, ...
void register_formats(runtime::Registry& registry);  // formats/: parse, encode and framing

}  // namespace pipec::stdlib
