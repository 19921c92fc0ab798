#include "pipec/stdlib/register.h"
#include "stdlib/formats/formats.h"

namespace pipec::stdlib {

void register_formats(runtime::Registry& registry) {
#define PIPEC_FORMAT(name) register_##name##_format(registry);
#include "stdlib/formats/formats.def"
#undef PIPEC_FORMAT
}

}  // namespace pipec::stdlib
