#include "pipec/stdlib/register.h"

namespace pipec::stdlib {

void register_all(runtime::Registry& registry) {
  register_functions(registry);
  register_stages(registry);
  register_formats(registry);
  register_connectors(registry);
}

}  // namespace pipec::stdlib
