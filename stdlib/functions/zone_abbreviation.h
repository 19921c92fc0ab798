// Abbreviations of time zones in text ("CET"): each stands for one offset, summer or winter, as GNU date has
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pipec::stdlib {

struct ZoneAbbreviation {
  // nullopt: ambiguous between zones in different parts of the world; only an explicit zone resolves it.
  std::optional<std::int64_t> offset;  // seconds to add to UTC
};

// nullopt: no abbreviation that everybody knows.
std::optional<ZoneAbbreviation> find_abbreviation(std::string_view name);

}  // namespace pipec::stdlib
