#include "stdlib/functions/zone_rule.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "stdlib/functions/ascii.h"

namespace pipec::stdlib {

namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;

int year_of(std::int64_t unix_seconds) {
  const auto day =
      std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(unix_seconds)));
  return static_cast<int>(std::chrono::year_month_day(day).year());
}

}  // namespace

// Takes the parts of a rule from the front of its text; each returns false if there is no such part.
class ZoneRule::Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool at(char c) const { return rest_.starts_with(c); }

  bool take(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Three letters or more, or anything within <>.
  bool name(std::string& out) {
    if (take('<')) {
      const std::size_t end = rest_.find('>');
      if (end == std::string_view::npos) return false;
      out = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      return !out.empty();
    }
    std::size_t size = 0;
    while (size < rest_.size() && is_letter(rest_[size])) ++size;
    out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return size >= 3;
  }

  bool number(int most, int& out) {
    std::size_t size = 0;
    int value = 0;
    for (; size < rest_.size() && is_digit(rest_[size]); ++size) {
      value = value * 10 + (rest_[size] - '0');
      if (value > most) return false;
    }
    rest_.remove_prefix(size);
    out = value;
    return size > 0;
  }

  // [+-]hh[:mm[:ss]]
  bool time(std::int64_t& seconds) {
    const bool negative = take('-');
    if (!negative) take('+');
    int hours = 0;
    int minutes = 0;
    int rest = 0;
    if (!number(167, hours)) return false;
    if (take(':') && !number(59, minutes)) return false;
    if (take(':') && !number(59, rest)) return false;
    seconds = hours * kHour + minutes * 60 + rest;
    if (negative) seconds = -seconds;
    return true;
  }

  // An offset is written with the sign that leads from local time to UTC.
  bool offset(std::int64_t& seconds) {
    if (!time(seconds)) return false;
    seconds = -seconds;
    return true;
  }

  bool change(Change& out) {
    if (!take(',')) return false;
    if (take('M')) {
      const bool whole = number(12, out.month) && take('.') && number(5, out.week) && take('.') &&
                         number(6, out.day) && out.month > 0 && out.week > 0;
      if (!whole) return false;
    } else {
      out.kind = at('J') ? Change::Kind::julian : Change::Kind::day_of_year;
      const bool from_one = take('J');
      if (!number(365, out.day) || (from_one && out.day == 0)) return false;
    }
    return !take('/') || time(out.time);
  }

 private:
  std::string_view rest_;
};

std::optional<ZoneRule> ZoneRule::parse(std::string_view text) {
  ZoneRule rule;
  Reader reader(text);
  if (!reader.name(rule.standard_.abbreviation) || !reader.offset(rule.standard_.offset)) return std::nullopt;
  if (reader.done()) return rule;
  Side summer;
  if (!reader.name(summer.abbreviation)) return std::nullopt;
  summer.offset = rule.standard_.offset + kHour;
  if (!reader.at(',') && !reader.offset(summer.offset)) return std::nullopt;
  if (!reader.change(rule.to_summer_) || !reader.change(rule.to_standard_) || !reader.done()) {
    return std::nullopt;
  }
  rule.summer_ = std::move(summer);
  return rule;
}

std::int64_t ZoneRule::Change::in_year(int year) const {
  namespace chrono = std::chrono;
  const chrono::year in(year);
  const chrono::sys_days first = in / chrono::January / 1;
  chrono::sys_days date;
  switch (kind) {
    case Kind::julian:  // 1 to 365; February 29 is never counted
      date = first + chrono::days(day - 1 + (in.is_leap() && day >= 60 ? 1 : 0));
      break;
    case Kind::day_of_year:  // 0 to 365
      date = first + chrono::days(day);
      break;
    case Kind::weekday_of_month: {
      const chrono::weekday weekday(static_cast<unsigned>(day));
      const chrono::month in_month(static_cast<unsigned>(month));
      date = week == 5 ? chrono::sys_days(in / in_month / weekday[chrono::last])
                       : chrono::sys_days(in / in_month / weekday[static_cast<unsigned>(week)]);
      break;
    }
  }
  return date.time_since_epoch().count() * kDay + time;
}

ZonePeriod ZoneRule::at(std::int64_t unix_seconds) const {
  ZonePeriod period;
  period.offset = standard_.offset;
  period.abbreviation = standard_.abbreviation;
  if (!summer_) return period;

  struct Moment {
    std::int64_t time;
    bool to_summer;
  };
  // A year on either side: a change may be up to a week outside its year.
  std::array<Moment, 6> moments;
  const int year = year_of(unix_seconds);
  for (int i = 0; i < 3; ++i) {
    const auto slot = static_cast<std::size_t>(2 * i);
    moments[slot] = {to_summer_.in_year(year - 1 + i) - standard_.offset, true};
    moments[slot + 1] = {to_standard_.in_year(year - 1 + i) - summer_->offset, false};
  }
  // If a zone changes to standard time and back at the same moment, it stays on summer time.
  std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
    return a.time != b.time ? a.time < b.time : !a.to_summer && b.to_summer;
  });
  bool summer = !moments.front().to_summer;
  for (const Moment& moment : moments) {
    if (moment.time > unix_seconds) {
      period.end = moment.time;
      break;
    }
    period.begin = moment.time;
    summer = moment.to_summer;
  }
  if (summer) {
    period.offset = summer_->offset;
    period.abbreviation = summer_->abbreviation;
  }
  return period;
}

std::optional<std::int64_t> ZoneRule::offset_of(std::string_view abbreviation) const {
  if (abbreviation == standard_.abbreviation) return standard_.offset;
  if (summer_ && abbreviation == summer_->abbreviation) return summer_->offset;
  return std::nullopt;
}

}  // namespace pipec::stdlib
