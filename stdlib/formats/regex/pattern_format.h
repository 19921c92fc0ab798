// Parses by a regular expression: its groups are the fields. Common to regex and grok.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stdlib/formats/shared/text_format.h"

namespace pipec::stdlib {

enum class GroupType : std::uint8_t { string, automatic, integer, floating, boolean };

// A field, and the groups that give its value: the first one that took part. None took part: null.
struct PatternField {
  std::string name;
  std::vector<std::string> groups;
  GroupType type = GroupType::string;
};

// In the order of their first groups.
std::vector<PatternField> fields_of_groups(const std::vector<std::string>& group_names, GroupType type);

// The pattern has all the groups.
runtime::Result<std::unique_ptr<const TextFormat>> make_pattern_format(
    std::string_view pattern, const std::vector<PatternField>& fields);

}  // namespace pipec::stdlib
