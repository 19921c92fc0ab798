// The record metadata that the language can access.
#pragma once

#include <string>
#include <string_view>

#include "pipec/runtime/program.h"

namespace pipec::compiler {

struct Metadata {
  std::string_view name;  // without the @
  runtime::MetadataField field;
  runtime::TypeSet types;
  bool assignable;
};

const Metadata* find_metadata(std::string_view name);
std::string did_you_mean_metadata(std::string_view name);
// "@topic, @partition, ..."
std::string metadata_names();

}  // namespace pipec::compiler
