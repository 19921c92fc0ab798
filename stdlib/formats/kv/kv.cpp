// kv: pairs with separators of the user's own.
#include <string>
#include <utility>

#include "stdlib/formats/formats.h"
#include "stdlib/formats/kv/pairs.h"
#include "stdlib/formats/shared/typed_text.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::ErrorCode;

runtime::OptionSpec separator(std::string name, const char* fallback, std::string doc) {
  runtime::OptionSpec option;
  option.name = std::move(name);
  option.types = runtime::Type::string;
  option.fallback = runtime::Value::string(fallback);
  option.doc = std::move(doc);
  return option;
}

runtime::Result<std::unique_ptr<runtime::Stage>> make_kv(const runtime::Options& options) {
  PairsSyntax syntax;
  syntax.name = "kv";
  syntax.field = options.string("field", " ");
  syntax.value = options.string("value", "=");
  syntax.quoted_keys = true;
  syntax.typed = types_are_auto(options);
  for (const auto& [name, text] : {std::pair("field", &syntax.field), std::pair("value", &syntax.value)}) {
    if (text->empty() || text->find('"') != std::string::npos)
      return Error::make(ErrorCode::option, "'" + std::string(name) + "' must be a text without quotes");
  }
  if (syntax.field == syntax.value) return Error::make(ErrorCode::option, "'field' and 'value' must differ");
  return make_text_stage("kv", options, make_pairs_format(std::move(syntax)));
}

}  // namespace

void register_kv_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "kv";
  runtime::FormatParse& parse = spec.parse.emplace();
  parse.doc = "Makes an object of pairs of a key and a value; quotes group, a key alone is true";
  parse.options =
      text_format_options({separator("field", " ", "the text between two pairs"),
                           separator("value", "=", "the text between a key and its value"), types_option()});
  parse.makes_strings = true;
  parse.make = make_kv;
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
