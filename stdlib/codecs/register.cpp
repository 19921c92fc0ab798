#include "pipec/stdlib/register.h"
#include "stdlib/codecs/on_error.h"

namespace pipec::stdlib {

void register_codecs(runtime::Registry& registry) {
  register_json_parser(registry);
  register_msgpack_parsers(registry);
  register_text_parser(registry);
}

}  // namespace pipec::stdlib
