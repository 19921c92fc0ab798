// Text to time, by a compiled format.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "stdlib/functions/ascii.h"
#include "stdlib/functions/compiled_cache.h"
#include "stdlib/functions/time_format.h"
#include "stdlib/functions/time_names.h"
#include "stdlib/functions/zone_abbreviation.h"

namespace pipec::stdlib {

namespace {

constexpr const char* kMismatch = "does not have the format";
constexpr const char* kNoOffset = "no offset at its end: give the zone";
constexpr const char* kBadDate = "no such date or time";
constexpr const char* kSkipped = "the clocks of this time zone skip that time";

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// The fields read so far; -1: not read.
struct Fields {
  int century = -1;
  int year = -1;  // with the century where four digits were read
  bool short_year = false;
  int month = -1;
  int day = -1;
  int day_of_year = -1;
  int weekday = -1;  // 0: Sunday
  int hour = -1;
  int hour12 = -1;
  int afternoon = -1;
  int minute = -1;
  int second = -1;            // 60: a leap second
  std::int64_t fraction = 0;  // nanoseconds
  std::optional<std::int64_t> epoch;
  std::optional<std::int64_t> offset;  // seconds
  std::string_view zone_name;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }

  void skip_space() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }

  // White space stands for any amount of it, none included. All else must be the same; only the T of RFC 3339
  // may also be small, or a space.
  bool literal(std::string_view wanted, bool exact) {
    for (const char c : wanted) {
      if (is_space(c)) {
        skip_space();
        continue;
      }
      if (rest_.empty()) return false;
      const bool other_t = exact && c == 'T' && (rest_.front() == 't' || rest_.front() == ' ');
      if (rest_.front() != c && !other_t) return false;
      rest_.remove_prefix(1);
    }
    return true;
  }

  // From `least` to `most` digits, in a range.
  bool number(unsigned least, unsigned most, int low, int high, int& out) {
    unsigned count = 0;
    int value = 0;
    while (count < most && count < rest_.size() && is_digit(rest_[count])) {
      value = value * 10 + (rest_[count] - '0');
      ++count;
    }
    if (count < least || value < low || value > high) return false;
    rest_.remove_prefix(count);
    out = value;
    return true;
  }

  // Digits of a fraction; those beyond the ninth are cut off.
  bool fraction(std::int64_t& nanoseconds) {
    std::size_t count = 0;
    std::int64_t value = 0;
    std::int64_t unit = kSecond / 10;
    for (; count < rest_.size() && is_digit(rest_[count]); ++count) {
      value += (rest_[count] - '0') * unit;
      unit /= 10;
    }
    rest_.remove_prefix(count);
    nanoseconds = value;
    return count > 0;
  }

  bool fixed_fraction(unsigned digits, std::int64_t& nanoseconds) {
    if (rest_.size() < digits) return false;
    Reader part(rest_.substr(0, digits));
    if (!part.fraction(nanoseconds) || !part.done()) return false;
    rest_.remove_prefix(digits);
    return true;
  }

  bool optional_fraction(std::int64_t& nanoseconds) {
    if (rest_.empty() || (rest_.front() != '.' && rest_.front() != ',')) return true;
    rest_.remove_prefix(1);
    return fraction(nanoseconds);
  }

  // A whole name, or its first three letters; any case.
  template <typename Names>
  bool name(const Names& names, int& out) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!starts_with_name(names[i].substr(0, 3))) continue;
      rest_.remove_prefix(starts_with_name(names[i]) ? names[i].size() : 3);
      out = static_cast<int>(i);
      return true;
    }
    return false;
  }

  bool half_day(int& afternoon) {
    if (!starts_with_name("am") && !starts_with_name("pm")) return false;
    afternoon = lower(rest_.front()) == 'p' ? 1 : 0;
    rest_.remove_prefix(2);
    return true;
  }

  bool epoch(std::optional<std::int64_t>& out) {
    const bool negative = !rest_.empty() && rest_.front() == '-';
    if (negative) rest_.remove_prefix(1);
    std::int64_t value = 0;
    std::size_t count = 0;
    for (; count < rest_.size() && count < 12 && is_digit(rest_[count]); ++count) {
      value = value * 10 + (rest_[count] - '0');
    }
    rest_.remove_prefix(count);
    out = negative ? -value : value;
    return count > 0;
  }

  // "Z", "+hh:mm", "+hhmm", "+hh".
  bool offset(std::optional<std::int64_t>& out) {
    if (rest_.empty()) return false;
    const char first = rest_.front();
    if (first == 'Z' || first == 'z') {
      rest_.remove_prefix(1);
      out = 0;
      return true;
    }
    if (first != '+' && first != '-') return false;
    rest_.remove_prefix(1);
    int hours = 0;
    int minutes = 0;
    if (!number(2, 2, 0, 23, hours)) return false;
    if (!rest_.empty() && rest_.front() == ':') {
      rest_.remove_prefix(1);
      if (!number(2, 2, 0, 59, minutes)) return false;
    } else if (!rest_.empty() && is_digit(rest_.front())) {
      if (!number(2, 2, 0, 59, minutes)) return false;
    }
    const std::int64_t seconds = (hours * 60 + minutes) * 60;
    out = first == '-' ? -seconds : seconds;
    return true;
  }

  bool zone(Fields& fields) {
    std::size_t count = 0;
    while (count < rest_.size() && count < 64 && is_zone_character(rest_[count])) ++count;
    const std::string_view name = rest_.substr(0, count);
    if (name.empty()) return false;
    rest_.remove_prefix(count);
    fields.zone_name = name;
    return true;
  }

 private:
  static bool is_zone_character(char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '/' || c == '_' || c == '+' ||
           c == '-';
  }
  bool starts_with_name(std::string_view wanted) const {
    if (rest_.size() < wanted.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (lower(rest_[i]) != lower(wanted[i])) return false;
    }
    return true;
  }

  std::string_view rest_;
};

// `zoned`: the caller names a zone, so that RFC 3339 may do without its offset.
bool read_directive(const TimeFormat::Directive& directive, bool zoned, Reader& reader, Fields& fields) {
  const unsigned least = directive.exact ? 2 : 1;
  if (!directive.exact && (directive.letter == 'd' || directive.letter == 'H')) reader.skip_space();
  switch (directive.letter) {
    case '\0':
      return reader.literal(directive.literal, directive.exact);
    case 'n':
    case 't':
      reader.skip_space();
      return true;
    case 'Y':
      return reader.number(4, 4, 0, 9999, fields.year);
    case 'C':
      return reader.number(2, 2, 0, 99, fields.century);
    case 'y':
      fields.short_year = true;
      return reader.number(2, 2, 0, 99, fields.year);
    case 'm':
      return reader.number(least, 2, 1, 12, fields.month);
    case 'b':
    case 'B':
    case 'h':
      if (!reader.name(kMonths, fields.month)) return false;
      ++fields.month;
      return true;
    case 'e':
      reader.skip_space();
      [[fallthrough]];
    case 'd':
      return reader.number(least, 2, 1, 31, fields.day);
    case 'j':
      return reader.number(1, 3, 1, 366, fields.day_of_year);
    case 'a':
    case 'A':
      return reader.name(kWeekdays, fields.weekday);
    case 'k':
      reader.skip_space();
      [[fallthrough]];
    case 'H':
      return reader.number(least, 2, 0, 23, fields.hour);
    case 'I':
    case 'l':
      reader.skip_space();
      return reader.number(1, 2, 1, 12, fields.hour12);
    case 'M':
      return reader.number(least, 2, 0, 59, fields.minute);
    case 'S':
      return reader.number(least, 2, 0, 60, fields.second);
    case 'f':
      if (directive.dot) return reader.optional_fraction(fields.fraction);
      return directive.digits ? reader.fixed_fraction(directive.digits, fields.fraction)
                              : reader.fraction(fields.fraction);
    case 'L':
      return reader.fixed_fraction(3, fields.fraction);
    case 'N':
      return reader.fraction(fields.fraction);
    case 'p':
    case 'P':
      return reader.half_day(fields.afternoon);
    case 'z':
      return (zoned && directive.exact && reader.done()) || reader.offset(fields.offset);
    case 'Z':
      return reader.zone(fields);
    case 's':
      return reader.epoch(fields.epoch);
    default:
      return false;
  }
}

std::optional<std::int64_t> date_in_days(const Fields& fields) {
  namespace chrono = std::chrono;
  int year = fields.year;
  if (fields.short_year) {
    // As POSIX has it: 69 to 99 are of the last century.
    year += fields.century >= 0 ? fields.century * 100 : (year >= 69 ? 1900 : 2000);
  }
  chrono::sys_days day;
  if (fields.day_of_year > 0 && fields.month < 0) {
    const chrono::year in_year(year);
    if (fields.day_of_year == 366 && !in_year.is_leap()) return std::nullopt;
    day = chrono::sys_days(in_year / chrono::January / 1) + chrono::days(fields.day_of_year - 1);
  } else {
    const chrono::year_month_day date(chrono::year(year),
                                      chrono::month(static_cast<unsigned>(std::max(fields.month, 1))),
                                      chrono::day(static_cast<unsigned>(std::max(fields.day, 1))));
    if (!date.ok()) return std::nullopt;
    day = chrono::sys_days(date);
  }
  if (fields.weekday >= 0 && chrono::weekday(day).c_encoding() != static_cast<unsigned>(fields.weekday)) {
    return std::nullopt;
  }
  return day.time_since_epoch().count();
}

const char* to_nanoseconds(std::int64_t seconds, std::int64_t fraction, std::int64_t& nanoseconds) {
  const __int128 all = static_cast<__int128>(seconds) * kSecond + fraction;
  if (all < INT64_MIN || all > INT64_MAX) return "not between the years 1678 and 2262";
  nanoseconds = static_cast<std::int64_t>(all);
  return nullptr;
}

// The instant at which clocks in the zone that the text names show a local time, in Unix seconds. `zone`: the
// caller's; null: none. Returns null, or the reason why there is no such instant.
const char* named_zone_to_utc(std::string_view name, std::int64_t local, const TimeZone* zone,
                              std::int64_t& seconds) {
  // Names of the caller's zone take precedence: PST is another time in Manila.
  std::optional<std::int64_t> offset = zone ? zone->offset_of(name, local) : std::nullopt;
  const auto known = find_abbreviation(name);
  if (!offset && known) {
    offset = known->offset;
    if (!offset) {
      return zone ? "ambiguous zone abbreviation, not one of the given zone"
                  : "ambiguous zone abbreviation: give the zone";
    }
  }
  if (offset) {
    seconds = local - *offset;
    return nullptr;
  }
  thread_local CompiledCache<TimeZone> zones;
  const auto found = zones.get(name, TimeZone::find);
  if (!found.ok()) return "unknown time zone in it";
  const auto instant = (*found)->to_utc(local);
  if (!instant) return kSkipped;
  seconds = *instant;
  return nullptr;
}

}  // namespace

const char* TimeFormat::read(std::string_view text, const TimeZone* zone, std::int64_t& nanoseconds) const {
  Fields fields;
  Reader reader(text);
  for (const Directive& directive : directives_) {
    if (read_directive(directive, zone != nullptr, reader, fields)) continue;
    return directive.letter == 'z' && directive.exact && reader.done() ? kNoOffset : kMismatch;
  }
  if (!reader.done()) return kMismatch;
  if (fields.epoch) return to_nanoseconds(*fields.epoch, fields.fraction, nanoseconds);

  const auto days = date_in_days(fields);
  if (!days) return kBadDate;
  int hour = std::max(fields.hour, 0);
  if (fields.hour < 0 && fields.hour12 > 0) hour = fields.hour12 % 12 + (fields.afternoon == 1 ? 12 : 0);
  const std::int64_t local =
      *days * 86400 + hour * 3600 + std::max(fields.minute, 0) * 60 + std::max(fields.second, 0);
  if (fields.offset) return to_nanoseconds(local - *fields.offset, fields.fraction, nanoseconds);
  if (!fields.zone_name.empty()) {
    std::int64_t seconds = 0;
    if (const char* reason = named_zone_to_utc(fields.zone_name, local, zone, seconds)) return reason;
    return to_nanoseconds(seconds, fields.fraction, nanoseconds);
  }
  const auto seconds = zone ? zone->to_utc(local) : local;
  if (!seconds) return kSkipped;
  return to_nanoseconds(*seconds, fields.fraction, nanoseconds);
}

}  // namespace pipec::stdlib
