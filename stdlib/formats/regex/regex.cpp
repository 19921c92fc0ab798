// regex: the named groups of a pattern are the fields.
#include <utility>

#include "stdlib/formats/formats.h"
#include "stdlib/formats/regex/pattern_format.h"
#include "stdlib/formats/shared/typed_text.h"
#include "stdlib/functions/pattern.h"

namespace pipec::stdlib {

namespace {

runtime::Result<std::unique_ptr<runtime::Stage>> make_regex(const runtime::Options& options) {
  const std::string_view text = options.string("pattern");
  const auto pattern = Pattern::compile(text);
  if (!pattern) return pattern.error();
  const GroupType type = types_are_auto(options) ? GroupType::automatic : GroupType::string;
  const std::vector<PatternField> fields = fields_of_groups((*pattern)->group_names(), type);
  if (fields.empty()) {
    return runtime::Error::make(runtime::ErrorCode::option,
                                "the pattern has no named group; write (?<name>...)");
  }
  auto format = make_pattern_format(text, fields);
  if (!format) return format.error();
  return make_text_stage("regex", options, std::move(*format));
}

}  // namespace

void register_regex_format(runtime::Registry& registry) {
  runtime::OptionSpec pattern;
  pattern.name = "pattern";
  pattern.types = runtime::Type::string;
  pattern.required = true;
  pattern.doc =
      "the regular expression (RE2); it is searched for, and its named groups (?<name>...) are the fields";
  runtime::FormatSpec spec;
  spec.name = "regex";
  runtime::FormatParse& parse = spec.parse.emplace();
  parse.doc = "Makes an object of the named groups of a pattern; a group that took no part is null";
  parse.options = text_format_options({std::move(pattern), types_option()});
  parse.positional = 1;
  parse.makes_strings = true;
  parse.make = make_regex;
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
