// One registration per family of functions; register_functions() calls them in the order of the reference.
#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

void register_strings(runtime::Registry& registry);
void register_regex(runtime::Registry& registry);  // and the pattern compiler behind `matches`
void register_numbers(runtime::Registry& registry);
void register_types(runtime::Registry& registry);
void register_time(runtime::Registry& registry);
void register_arrays(runtime::Registry& registry);
void register_lambdas(runtime::Registry& registry);
void register_objects(runtime::Registry& registry);
void register_encoding(runtime::Registry& registry);
void register_hashing(runtime::Registry& registry);
void register_network(runtime::Registry& registry);
void register_redaction(runtime::Registry& registry);
void register_parsing(runtime::Registry& registry);
void register_environment(runtime::Registry& registry);
void register_identity(runtime::Registry& registry);

}  // namespace pipec::stdlib
