// A zone of the system's time zone database, read from its compiled file (TZif, RFC 8536).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stdlib/functions/time_zone.h"
#include "stdlib/functions/zone_rule.h"

namespace pipec::stdlib {

class ZoneFile final : public TimeZone {
 public:
  // The zone in the content of a file; null if it is none.
  static std::shared_ptr<const ZoneFile> read(std::string_view content);

  Local at(std::int64_t unix_seconds) const override;
  std::optional<std::int64_t> to_utc(std::int64_t local_seconds) const override;
  std::optional<std::int64_t> offset_of(std::string_view abbreviation,
                                        std::int64_t local_seconds) const override;

 private:
  struct Type {
    std::int64_t offset = 0;
    std::string abbreviation;
  };
  struct Header;

  bool read_block(const Header& header, std::string_view block, std::size_t time_size);
  ZonePeriod period_at(std::int64_t unix_seconds) const;

  std::vector<std::int64_t> changes_;   // Unix seconds, ascending
  std::vector<std::uint8_t> to_types_;  // what each change leads to
  std::vector<Type> types_;             // the first one holds before the first change
  std::optional<ZoneRule> rule_;        // from the last change on
};

}  // namespace pipec::stdlib
