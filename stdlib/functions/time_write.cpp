// Time to text, by a compiled format.
#include <chrono>

#include "stdlib/functions/time_format.h"
#include "stdlib/functions/time_names.h"

namespace pipec::stdlib {

namespace {

struct Moment {
  std::int64_t unix_seconds;
  std::int64_t nanosecond;
  std::chrono::year_month_day date;
  unsigned weekday;          // 0: Sunday
  std::int64_t day_of_year;  // from 0
  std::int64_t second_of_day;
  TimeZone::Local local;
};

Moment moment_at(std::int64_t nanoseconds, const TimeZone& zone) {
  namespace chrono = std::chrono;
  Moment moment;
  moment.unix_seconds = nanoseconds / kSecond - (nanoseconds % kSecond < 0 ? 1 : 0);
  moment.nanosecond = nanoseconds % kSecond + (nanoseconds % kSecond < 0 ? kSecond : 0);
  moment.local = zone.at(moment.unix_seconds);
  const std::int64_t shown = moment.unix_seconds + moment.local.offset;
  const auto days = chrono::floor<chrono::days>(chrono::sys_seconds(chrono::seconds(shown)));
  moment.date = chrono::year_month_day(days);
  moment.weekday = chrono::weekday(days).c_encoding();
  moment.day_of_year = (days - chrono::sys_days(moment.date.year() / chrono::January / 1)).count();
  moment.second_of_day = shown - days.time_since_epoch().count() * 86400;
  return moment;
}

void append_number(std::string& out, std::int64_t value, std::size_t width, char padding) {
  const std::string digits = std::to_string(value);
  if (padding != '-' && digits.size() < width) out.append(width - digits.size(), padding);
  out += digits;
}

void append_fraction(std::string& out, std::int64_t nanosecond, std::size_t digits) {
  std::string all;
  append_number(all, nanosecond, 9, '0');
  out += all.substr(0, digits);
}

// 0, 3, 6 or 9: as many as needed.
std::size_t needed_digits(std::int64_t nanosecond) {
  if (nanosecond == 0) return 0;
  if (nanosecond % 1'000'000 == 0) return 3;
  return nanosecond % 1'000 == 0 ? 6 : 9;
}

void append_offset(std::string& out, std::int64_t offset, bool colon) {
  const std::int64_t minutes = (offset < 0 ? -offset : offset) / 60;
  out += offset < 0 ? '-' : '+';
  append_number(out, minutes / 60, 2, '0');
  if (colon) out += ':';
  append_number(out, minutes % 60, 2, '0');
}

// The year and week of ISO 8601: a week belongs to the year of its Thursday.
struct IsoWeek {
  int year;
  std::int64_t week;
};

IsoWeek iso_week(const Moment& moment) {
  namespace chrono = std::chrono;
  const auto monday_based = static_cast<std::int64_t>((moment.weekday + 6) % 7);
  const auto thursday = chrono::sys_days(moment.date) + chrono::days(3 - monday_based);
  const chrono::year_month_day date(thursday);
  const auto day = (thursday - chrono::sys_days(date.year() / chrono::January / 1)).count();
  return {static_cast<int>(date.year()), day / 7 + 1};
}

void append_directive(const TimeFormat::Directive& directive, const Moment& moment, std::string& out) {
  const int year = static_cast<int>(moment.date.year());
  const auto month = static_cast<unsigned>(moment.date.month());
  const std::int64_t hour = moment.second_of_day / 3600;
  const std::int64_t hour12 = (hour + 11) % 12 + 1;
  // %e, %k and %l are padded with spaces unless the format says otherwise.
  const char spaced = directive.custom_padding ? directive.padding : ' ';
  const auto number = [&](std::int64_t value, std::size_t width) {
    append_number(out, value, width, directive.padding);
  };
  switch (directive.letter) {
    case '\0':
      out += directive.literal;
      break;
    case 'n':
      out += '\n';
      break;
    case 't':
      out += '\t';
      break;
    case 'Y':
      number(year, 4);
      break;
    case 'C':
      number(year / 100, 2);
      break;
    case 'y':
      number(year % 100, 2);
      break;
    case 'G':
      number(iso_week(moment).year, 4);
      break;
    case 'g':
      number(iso_week(moment).year % 100, 2);
      break;
    case 'V':
      number(iso_week(moment).week, 2);
      break;
    case 'U':
      number((moment.day_of_year + 7 - moment.weekday) / 7, 2);
      break;
    case 'W':
      number((moment.day_of_year + 7 - (moment.weekday + 6) % 7) / 7, 2);
      break;
    case 'm':
      number(month, 2);
      break;
    case 'b':
    case 'h':
      out += kMonths[month - 1].substr(0, 3);
      break;
    case 'B':
      out += kMonths[month - 1];
      break;
    case 'd':
      number(static_cast<unsigned>(moment.date.day()), 2);
      break;
    case 'e':
      append_number(out, static_cast<unsigned>(moment.date.day()), 2, spaced);
      break;
    case 'j':
      number(moment.day_of_year + 1, 3);
      break;
    case 'a':
      out += kWeekdays[moment.weekday].substr(0, 3);
      break;
    case 'A':
      out += kWeekdays[moment.weekday];
      break;
    case 'u':
      number(moment.weekday == 0 ? 7 : moment.weekday, 1);
      break;
    case 'w':
      number(moment.weekday, 1);
      break;
    case 'H':
      number(hour, 2);
      break;
    case 'k':
      append_number(out, hour, 2, spaced);
      break;
    case 'I':
      number(hour12, 2);
      break;
    case 'l':
      append_number(out, hour12, 2, spaced);
      break;
    case 'M':
      number(moment.second_of_day / 60 % 60, 2);
      break;
    case 'S':
      number(moment.second_of_day % 60, 2);
      break;
    case 'f': {
      std::size_t digits = directive.digits ? directive.digits : 6;
      if (directive.dot) {
        if (directive.digits == 0) digits = needed_digits(moment.nanosecond);
        if (digits > 0) out += '.';
      }
      append_fraction(out, moment.nanosecond, digits);
      break;
    }
    case 'L':
      append_fraction(out, moment.nanosecond, 3);
      break;
    case 'N':
      append_fraction(out, moment.nanosecond, 9);
      break;
    case 'p':
      out += hour < 12 ? "AM" : "PM";
      break;
    case 'P':
      out += hour < 12 ? "am" : "pm";
      break;
    case 'z':
      append_offset(out, moment.local.offset, directive.colon);
      break;
    case 'Z':
      out += moment.local.abbreviation;
      break;
    case 's':
      out += std::to_string(moment.unix_seconds);
      break;
    default:
      break;
  }
}

}  // namespace

std::string TimeFormat::write(std::int64_t nanoseconds, const TimeZone& zone) const {
  const Moment moment = moment_at(nanoseconds, zone);
  std::string text;
  for (const Directive& directive : directives_) append_directive(directive, moment, text);
  return text;
}

}  // namespace pipec::stdlib
