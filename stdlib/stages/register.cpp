#include "pipec/stdlib/register.h"
#include "stdlib/stages/stages.h"

namespace pipec::stdlib {

void register_stages(runtime::Registry& registry) {
#define STAGE(name) register_##name(registry);
#include "stdlib/stages/list.def"
#undef STAGE
}

}  // namespace pipec::stdlib
