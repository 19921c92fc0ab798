// The times of syslog lines: RFC 3339's, and RFC 3164's without a year.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "stdlib/functions/time_format.h"
#include "stdlib/functions/time_zone.h"

namespace pipec::stdlib::syslog {

// Null: the text is no such time.
std::optional<std::int64_t> read_rfc3339(std::string_view text);

// "Oct 11 22:14:15". In `year`, or in the latest one in which it is not in the future.
class OldTimes {
 public:
  static constexpr std::size_t kBytes = 15;

  OldTimes(std::shared_ptr<const TimeZone> zone, std::optional<std::int64_t> year)
      : zone_(std::move(zone)), year_(year) {}

  // `text` has kBytes bytes. `now`: nanoseconds since 1970. Nullopt: the text is no such time.
  std::optional<std::int64_t> read(std::string_view text, std::int64_t now) const;

 private:
  const std::shared_ptr<const TimeZone> zone_;
  const std::optional<std::int64_t> year_;
};

}  // namespace pipec::stdlib::syslog
