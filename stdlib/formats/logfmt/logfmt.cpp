// logfmt: key=value pairs with white space between them; values may be quoted, with JSON's escapes.
#include <utility>

#include "stdlib/formats/formats.h"
#include "stdlib/formats/kv/pairs.h"
#include "stdlib/formats/logfmt/encode.h"
#include "stdlib/formats/shared/typed_text.h"

namespace pipec::stdlib {

void register_logfmt_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "logfmt";
  runtime::FormatParse& parse = spec.parse.emplace();
  parse.doc = "Makes an object of the key=value pairs of a line; quotes group, a key alone is true";
  parse.options = text_format_options({types_option()});
  parse.makes_strings = true;
  parse.make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    PairsSyntax syntax;
    syntax.name = "logfmt";
    syntax.typed = types_are_auto(options);
    return make_text_stage("logfmt", options, make_pairs_format(std::move(syntax)));
  };
  spec.encode = logfmt_encode_role();
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
