#include <set>
#include <string>

#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;
using pipec::runtime::Function;
using pipec::runtime::Parameter;

TEST_CASE("every function that is fixed by name exists", "[functions]") {
  const char* name = GENERATE(
      "has", "len", "upper", "lower", "capitalize", "trim", "trim_start", "trim_end", "starts_with",
      "ends_with", "contains", "split", "join", "replace", "slice", "find", "truncate", "repeat", "pad_start",
      "pad_end", "capture", "find_all", "replace_re", "abs", "floor", "ceil", "round", "div", "pow", "sqrt",
      "clamp", "min", "max", "sum", "avg", "int", "float", "bool", "string", "type", "is_string", "is_number",
      "is_bool", "is_array", "is_object", "is_null", "parse_time", "format_time", "now", "from_unix",
      "to_unix", "truncate_time", "keys", "values", "merge", "map", "filter", "any", "all", "sort", "unique",
      "reverse", "flatten", "first", "last", "base64_encode", "base64_decode", "hex_encode", "hex_decode",
      "url_encode", "url_decode", "to_json", "parse_json", "sha256", "sha1", "md5", "xxh3", "hmac_sha256",
      "cidr_contains", "mask_ip", "redact", "parse_url", "parse_logfmt", "parse_clf", "env", "uuid_v4",
      "uuid_v7", "random");
  CAPTURE(name);
  CHECK(registry().function(name) != nullptr);
}

TEST_CASE("every function is documented, and its entry is complete", "[functions]") {
  std::set<std::string> names;
  for (const Function& function : registry().functions()) {
    CAPTURE(function.name);
    CHECK(names.insert(function.name).second);
    CHECK_FALSE(function.family.empty());
    CHECK_FALSE(function.doc.empty());
    CHECK_FALSE(function.doc.ends_with('.'));
    CHECK(function.doc.find('\n') == std::string::npos);
    CHECK_FALSE(function.examples.empty());
    CHECK(function.code != nullptr);
    CHECK_FALSE(function.result.empty());
    for (const auto& example : function.examples) {
      CHECK(example.expression.find(function.name + "(") != std::string::npos);
      CHECK_FALSE(example.result.empty());
    }
    bool optional = false;
    for (const Parameter& parameter : function.parameters) {
      CAPTURE(parameter.name);
      CHECK_FALSE(parameter.name.empty());
      CHECK_FALSE(parameter.types.empty());
      if (parameter.fallback) CHECK((parameter.types.has(parameter.fallback->type())));
      // A required argument after an optional one could not be given alone.
      CHECK((!optional || parameter.fallback.has_value()));
      optional = optional || parameter.fallback.has_value();
    }
  }
}

TEST_CASE("functions that may vary between calls are not folded", "[functions]") {
  for (const char* name : {"now", "uuid_v4", "uuid_v7", "random", "random_int"}) {
    CAPTURE(name);
    CHECK_FALSE(registry().function(name)->pure);
  }
}
