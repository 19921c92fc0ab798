#include "pipec/stdlib/register.h"

#include "stdlib/functions/families.h"

namespace pipec::stdlib {

void register_functions(runtime::Registry& registry) {
#define FAMILY(name) register_##name(registry);
#include "stdlib/functions/list.def"
#undef FAMILY
}

}  // namespace pipec::stdlib
