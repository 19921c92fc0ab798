// framing: lines.
#include <utility>

#include "pipec/runtime/registry.h"
#include "stdlib/formats/formats.h"

namespace pipec::stdlib {

void register_lines_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "lines";
  spec.frame.emplace();
  spec.frame->doc = "a record is a line";
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
