// grok: fields by a pattern with names for the usual parts.
#include <utility>

#include "pipec/runtime/containers.h"
#include "pipec/runtime/json.h"
#include "stdlib/formats/formats.h"
#include "stdlib/formats/grok/expand.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::ErrorCode;
using runtime::Result;
using runtime::Value;

Result<grok::Patterns> own_patterns(const runtime::Options& options) {
  grok::Patterns own;
  const auto* item = options.find("patterns");
  if (!item) return own;
  runtime::Arena arena;
  runtime::ObjectWalker members(item->value, arena);
  std::string_view name;
  Value pattern;
  while (members.next(name, pattern)) {
    if (pattern.type() != runtime::Type::string)
      return Error::make(ErrorCode::option, "'patterns' must be an object of strings");
    own.insert_or_assign(std::string(name), std::string(runtime::decode_string(pattern, arena)));
  }
  return own;
}

Result<std::unique_ptr<runtime::Stage>> make_grok(const runtime::Options& options) {
  const auto own = own_patterns(options);
  if (!own) return own.error();
  const auto expanded = grok::expand(options.string("pattern"), *own);
  if (!expanded) return expanded.error();
  auto format = make_pattern_format(expanded->pattern, expanded->fields);
  if (!format) return format.error();
  return make_text_stage("grok", options, std::move(*format));
}

}  // namespace

void register_grok_format(runtime::Registry& registry) {
  runtime::OptionSpec pattern;
  pattern.name = "pattern";
  pattern.types = runtime::Type::string;
  pattern.required = true;
  pattern.doc =
      "a regular expression with %{NAME:field} and %{NAME:field:type}, such as %{IP:client} %{INT:n:int}";
  runtime::OptionSpec patterns;
  patterns.name = "patterns";
  patterns.types = runtime::Type::object;
  patterns.doc = "names of your own: {NAME: r\"...\"}; they go before the usual ones";
  runtime::FormatSpec spec;
  spec.name = "grok";
  runtime::FormatParse& parse = spec.parse.emplace();
  parse.doc = "Makes an object of the fields that a grok pattern names; one that took no part is null";
  parse.options = text_format_options({std::move(pattern), std::move(patterns)});
  parse.positional = 1;
  parse.makes_strings = true;
  parse.make = make_grok;
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
