#include "stdlib/formats/syslog/timestamps.h"

#include <chrono>

namespace pipec::stdlib::syslog {

namespace {

constexpr std::int64_t kSkew = 300;  // seconds that another host's clock may be ahead

// Two digits, the first of which may be a space; -1: they are none.
int two_digits(const char* text) {
  const int tens = text[0] == ' ' ? 0 : text[0] - '0';
  const int ones = text[1] - '0';
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

// 1 to 12; 0: it is none.
unsigned month_of(std::string_view name) {
  constexpr std::string_view kNames = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (std::size_t i = 0; i < kNames.size(); i += 3) {
    if (kNames.substr(i, 3) == name) return static_cast<unsigned>(i / 3 + 1);
  }
  return 0;
}

}  // namespace

std::optional<std::int64_t> read_rfc3339(std::string_view text) {
  static const runtime::Result<TimeFormat> format = TimeFormat::for_reading("%+");
  std::int64_t nanoseconds = 0;
  if (format->read(text, nullptr, nanoseconds)) return std::nullopt;
  return nanoseconds;
}

std::optional<std::int64_t> OldTimes::read(std::string_view text, std::int64_t now) const {
  const unsigned month = month_of(text.substr(0, 3));
  const int day = two_digits(text.data() + 4);
  const int hour = two_digits(text.data() + 7);
  const int minute = two_digits(text.data() + 10);
  const int second = two_digits(text.data() + 13);
  const bool separated = text[3] == ' ' && text[6] == ' ' && text[9] == ':' && text[12] == ':';
  if (month == 0 || !separated || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60) {
    return std::nullopt;
  }
  namespace chrono = std::chrono;
  const std::int64_t latest = now / kSecond + kSkew;
  const auto this_year = chrono::year_month_day(
      chrono::sys_days(chrono::floor<chrono::days>(chrono::sys_seconds(chrono::seconds(latest)))));
  const int first = year_ ? static_cast<int>(*year_) : static_cast<int>(this_year.year()) + 1;
  constexpr int kBetweenLeapYears = 8;
  for (int year = first; year >= first - (year_ ? 0 : kBetweenLeapYears + 1); --year) {
    const chrono::year_month_day date(chrono::year(year), chrono::month(month),
                                      chrono::day(static_cast<unsigned>(day)));
    if (!date.ok()) continue;
    const std::int64_t local =
        chrono::sys_days(date).time_since_epoch() / chrono::seconds(1) + hour * 3600 + minute * 60 + second;
    const std::int64_t instant = zone_->to_utc(local).value_or(local - zone_->at(local).offset);
    if (year_ || instant <= latest) return instant * kSecond;
  }
  return std::nullopt;
}

}  // namespace pipec::stdlib::syslog
