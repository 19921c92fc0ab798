#include "stdlib/functions/time_zone.h"

#include <date/tz.h>

#include <exception>
#include <utility>

#include "stdlib/functions/ascii.h"
#include "stdlib/functions/quote.h"

namespace pipec::stdlib {

namespace {

using ZonePtr = std::shared_ptr<const TimeZone>;

class FixedZone final : public TimeZone {
 public:
  FixedZone(std::int64_t offset, std::string name) : local_{offset, std::move(name)} {}
  Local at(std::int64_t) const override { return local_; }
  std::optional<std::int64_t> to_utc(std::int64_t local_seconds) const override {
    return local_seconds - local_.offset;
  }

 private:
  Local local_;
};

class IanaZone final : public TimeZone {
 public:
  explicit IanaZone(const date::time_zone* zone) : zone_(zone) {}

  Local at(std::int64_t unix_seconds) const override {
    const date::sys_info info = zone_->get_info(date::sys_seconds(std::chrono::seconds(unix_seconds)));
    return {info.offset.count(), info.abbrev};
  }

  std::optional<std::int64_t> to_utc(std::int64_t local_seconds) const override {
    const date::local_info info = zone_->get_info(date::local_seconds(std::chrono::seconds(local_seconds)));
    if (info.result == date::local_info::nonexistent) return std::nullopt;
    return local_seconds - info.first.offset.count();
  }

 private:
  const date::time_zone* zone_;  // lives as long as the process
};

// "+hh:mm", "-hhmm", "+hh". nullopt: something else.
std::optional<std::int64_t> fixed_offset(std::string_view name) {
  if (name.size() < 3 || (name[0] != '+' && name[0] != '-')) return std::nullopt;
  std::string digits;
  for (std::size_t i = 1; i < name.size(); ++i) {
    if (name[i] == ':' && i == 3 && name.size() == 6) continue;
    if (!is_digit(name[i])) return std::nullopt;
    digits += name[i];
  }
  if (digits.size() == 2) digits += "00";
  if (digits.size() != 4) return std::nullopt;
  const int hours = (digits[0] - '0') * 10 + (digits[1] - '0');
  const int minutes = (digits[2] - '0') * 10 + (digits[3] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  const std::int64_t seconds = (hours * 60 + minutes) * 60;
  return name[0] == '-' ? -seconds : seconds;
}

runtime::Error unknown_zone(std::string_view name, std::string_view hint) {
  runtime::Error error;
  error.code = "argument";
  error.message = "unknown time zone " + quote(name);
  error.message += hint;
  return error;
}

}  // namespace

const TimeZone& TimeZone::utc() {
  static const FixedZone zone(0, "UTC");
  return zone;
}

runtime::Result<ZonePtr> TimeZone::find(std::string_view name) {
  if (name == "UTC" || name == "Etc/UTC" || name == "Z") return ZonePtr(ZonePtr(), &utc());
  if (const auto offset = fixed_offset(name)) {
    return ZonePtr(std::make_shared<FixedZone>(*offset, std::string(name)));
  }
  if (name.empty() || name.size() > 64) return unknown_zone(name, "");
  // The library throws for an unknown name and where the system has no zone files.
  try {
    const date::time_zone* zone = date::locate_zone(std::string(name));
    zone->get_info(date::sys_seconds());  // reads the zone's file now, so that later use does not fail
    return ZonePtr(std::make_shared<IanaZone>(zone));
  } catch (const std::exception&) {
    try {
      if (!date::get_tzdb().zones.empty()) return unknown_zone(name, "");
    } catch (const std::exception&) {
    }
    return unknown_zone(name, ": this system has no time zone files (install tzdata)");
  }
}

}  // namespace pipec::stdlib
