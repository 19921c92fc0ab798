// Time zones by their IANA names. UTC and fixed offsets need no data; the others are read from the system's
// zone files, each when first needed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/error.h"

namespace pipec::stdlib {

class TimeZone {
 public:
  virtual ~TimeZone() = default;

  // "UTC", "Europe/Berlin", "+02:00". All threads may use the zone.
  static runtime::Result<std::shared_ptr<const TimeZone>> find(std::string_view name);
  static const TimeZone& utc();

  struct Local {
    std::int64_t offset = 0;   // seconds to add to UTC
    std::string abbreviation;  // "UTC", "CEST"
  };
  virtual Local at(std::int64_t unix_seconds) const = 0;
  // The instant at which clocks show this time, the earlier one of two; nullopt where they jump over it.
  // Seconds since 1970-01-01T00:00:00 by the zone's clocks.
  virtual std::optional<std::int64_t> to_utc(std::int64_t local_seconds) const = 0;
  // The offset that this zone has under the abbreviation: the one at that local time, else its last one.
  // nullopt: the zone never used the abbreviation.
  virtual std::optional<std::int64_t> offset_of(std::string_view abbreviation,
                                                std::int64_t local_seconds) const = 0;
};

}  // namespace pipec::stdlib
