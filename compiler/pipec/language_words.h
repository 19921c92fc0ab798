// The words of the language itself, for `pipec functions`: stages, statements, directives, operators.
#pragma once

#include <span>
#include <string_view>

namespace pipec::cli {

struct LanguageWord {
  std::string_view word;
  std::string_view kind;  // "a stage"
  std::string_view form;  // how it is written
  std::string_view doc;
  std::string_view example;
};

std::span<const LanguageWord> language_words();

}  // namespace pipec::cli
