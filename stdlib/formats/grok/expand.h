// Grok: regular expressions with names for the usual parts, `%{IP:client}`.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/error.h"
#include "stdlib/formats/regex/pattern_format.h"

namespace pipec::stdlib::grok {

using Patterns = std::map<std::string, std::string, std::less<>>;

// What comes with pipec, by name.
const Patterns& library();

struct Expanded {
  std::string pattern;  // a regular expression
  std::vector<PatternField> fields;
};

// `own` goes before the library.
runtime::Result<Expanded> expand(std::string_view pattern, const Patterns& own);

}  // namespace pipec::stdlib::grok
