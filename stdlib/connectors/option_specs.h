// The two plain kinds of a connector's options, in one line each.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

inline runtime::OptionSpec constant_option(const char* name, runtime::TypeSet types, const char* doc) {
  runtime::OptionSpec option;
  option.name = name;
  option.types = types;
  option.doc = doc;
  return option;
}

// One of `fallback` and `others`.
inline runtime::OptionSpec choice_option(const char* name, const char* fallback,
                                         std::vector<std::string> others, const char* doc) {
  runtime::OptionSpec option;
  option.name = name;
  option.kind = runtime::OptionSpec::Kind::choice;
  option.fallback = runtime::Value::string(fallback);
  option.choices = std::move(others);
  option.choices.insert(option.choices.begin(), fallback);
  option.doc = doc;
  return option;
}

}  // namespace pipec::stdlib
