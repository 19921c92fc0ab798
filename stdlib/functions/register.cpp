#include "pipec/stdlib/register.h"

#include "stdlib/functions/families.h"

namespace pipec::stdlib {

void register_functions(runtime::Registry& registry) {
  register_strings(registry);
  register_regex(registry);
  register_numbers(registry);
  register_types(registry);
  register_time(registry);
  register_arrays(registry);
  register_lambdas(registry);
  register_objects(registry);
  register_encoding(registry);
  register_hashing(registry);
  register_network(registry);
  register_redaction(registry);
  register_parsing(registry);
  register_environment(registry);
  register_identity(registry);
}

}  // namespace pipec::stdlib
