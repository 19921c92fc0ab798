// parse json: the complete check of every record.
#include <memory>

#include "pipec/runtime/evaluate.h"
#include "stdlib/codecs/on_error.h"

namespace pipec::stdlib {

void register_json_parser(runtime::Registry& registry) {
  runtime::ParserSpec spec;
  spec.name = "json";
  spec.doc = "Checks that each record is one JSON value, completely";
  spec.options = {on_error_option()};
  spec.make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return runtime::make_json_parser(on_error_of(options));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
