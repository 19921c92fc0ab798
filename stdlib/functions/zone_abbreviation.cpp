#include "stdlib/functions/zone_abbreviation.h"

#include <algorithm>
#include <iterator>

namespace pipec::stdlib {

namespace {

constexpr int kAmbiguous = 10'000;

struct Entry {
  std::string_view name;
  int minutes;  // or kAmbiguous
};

// Sorted by name. Ambiguous: BST (Britain, Bangladesh), CST (Chicago, Shanghai, Havana), GST (the Gulf,
// Guam), IST (India, Israel, Ireland), SST (Samoa, Singapore).
constexpr Entry kEntries[] = {
    {"ACDT", 630},       {"ACST", 570},       {"ADT", -180},       {"AEDT", 660}, {"AEST", 600},
    {"AKDT", -480},      {"AKST", -540},      {"ART", -180},       {"AST", -240}, {"AWST", 480},
    {"BRST", -120},      {"BRT", -180},       {"BST", kAmbiguous}, {"CAT", 120},  {"CDT", -300},
    {"CEST", 120},       {"CET", 60},         {"CLST", -180},      {"CLT", -240}, {"CST", kAmbiguous},
    {"EAT", 180},        {"EDT", -240},       {"EEST", 180},       {"EET", 120},  {"EST", -300},
    {"GMT", 0},          {"GST", kAmbiguous}, {"HDT", -540},       {"HKT", 480},  {"HST", -600},
    {"IST", kAmbiguous}, {"JST", 540},        {"KST", 540},        {"MDT", -360}, {"MEST", 120},
    {"MESZ", 120},       {"MET", 60},         {"MEZ", 60},         {"MSD", 240},  {"MSK", 180},
    {"MST", -420},       {"NDT", -150},       {"NST", -210},       {"NZDT", 780}, {"NZST", 720},
    {"PDT", -420},       {"PKT", 300},        {"PST", -480},       {"SAST", 120}, {"SGT", 480},
    {"SST", kAmbiguous}, {"UT", 0},           {"UTC", 0},          {"WAT", 60},   {"WEST", 60},
    {"WET", 0},          {"WIB", 420},        {"WIT", 540},        {"WITA", 480}, {"Z", 0},
};

}  // namespace

std::optional<ZoneAbbreviation> find_abbreviation(std::string_view name) {
  static_assert(std::is_sorted(std::begin(kEntries), std::end(kEntries),
                               [](const Entry& a, const Entry& b) { return a.name < b.name; }));
  const auto* entry = std::lower_bound(
      std::begin(kEntries), std::end(kEntries), name,
      [](const Entry& candidate, std::string_view wanted) { return candidate.name < wanted; });
  if (entry == std::end(kEntries) || entry->name != name) return std::nullopt;
  if (entry->minutes == kAmbiguous) return ZoneAbbreviation{};
  return ZoneAbbreviation{entry->minutes * 60};
}

}  // namespace pipec::stdlib
