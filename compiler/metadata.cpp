#include "compiler/metadata.h"

#include <vector>

#include "pipec/dsl/suggest.h"

namespace pipec::compiler {

using runtime::MetadataField;
using runtime::Type;
using runtime::TypeSet;

namespace {

constexpr TypeSet kNull = Type::null;
constexpr TypeSet kText = kNull | Type::string | Type::bytes;

constexpr Metadata kAll[] = {
    {"topic", MetadataField::topic, kText, false},
    {"partition", MetadataField::partition, kNull | Type::integer, false},
    {"offset", MetadataField::offset, kNull | Type::integer, false},
    {"key", MetadataField::key, kText, true},
    {"timestamp", MetadataField::timestamp, kNull | Type::timestamp, true},
    {"source", MetadataField::source, kText, false},
    {"headers", MetadataField::headers, kNull | Type::object, true},
};

}  // namespace

const Metadata* find_metadata(std::string_view name) {
  for (const Metadata& each : kAll) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

std::string did_you_mean_metadata(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Metadata& each : kAll) names.push_back(each.name);
  const auto meant = dsl::suggest(name, names);
  return meant ? "did you mean '@" + *meant + "'?" : std::string();
}

std::string metadata_names() {
  std::string result;
  for (const Metadata& each : kAll) {
    if (!result.empty()) result += ", ";
    result += '@';
    result += each.name;
  }
  return result;
}

}  // namespace pipec::compiler
