// The rule by which a zone's clocks change, in the form that POSIX gives the variable TZ:
// "CET-1CEST,M3.5.0,M10.5.0/3". A zone file ends in one, for all times after its last listed change.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace pipec::stdlib {

// A period in which the clocks keep one offset.
struct ZonePeriod {
  std::int64_t begin = std::numeric_limits<std::int64_t>::min();  // Unix seconds
  std::int64_t end = std::numeric_limits<std::int64_t>::max();    // the first second after it
  std::int64_t offset = 0;                                        // seconds to add to UTC
  std::string_view abbreviation;                                  // lives as long as the zone
};

class ZoneRule {
 public:
  // nullopt: not such a rule. Also takes the signed hours up to 167 of RFC 8536.
  static std::optional<ZoneRule> parse(std::string_view text);

  ZonePeriod at(std::int64_t unix_seconds) const;
  // The offset of an abbreviation.
  std::optional<std::int64_t> offset_of(std::string_view abbreviation) const;

 private:
  struct Side {
    std::string abbreviation;
    std::int64_t offset = 0;
  };
  // When one side begins, every year.
  struct Change {
    enum class Kind : std::uint8_t { julian, day_of_year, weekday_of_month };
    Kind kind = Kind::weekday_of_month;
    int month = 0;
    int week = 0;                          // 5: the last
    int day = 0;                           // the weekday (0: Sunday), or the day of the year
    std::int64_t time = 2 * 3600;          // by the clock that is changed; may leave the day
    std::int64_t in_year(int year) const;  // local seconds since 1970
  };
  class Reader;

  Side standard_;
  std::optional<Side> summer_;
  Change to_summer_;
  Change to_standard_;
};

}  // namespace pipec::stdlib
