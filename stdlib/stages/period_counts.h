// How many records of each key passed in a period of time, for the two latest periods seen.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "pipec/runtime/connector.h"
#include "stdlib/stages/canonical.h"
#include "stdlib/stages/seen_keys.h"

namespace pipec::stdlib {

class PeriodCounts {
 public:
  explicit PeriodCounts(std::uint64_t limit) : limit_(limit) {}

  // Counts a record of this period and key, if fewer than the limit have passed. A period older than the two
  // that are known counts as the older of them.
  bool pass(std::int64_t period, const Hash128& key);

  // The entries that changed since the last call.
  void snapshot(runtime::StateEntries& changes);
  // Takes one of them; false: it is damaged.
  bool restore(const runtime::StateEntry& entry);
  static bool is_own(const std::string& key) { return key.starts_with(kPrefix); }

  std::size_t bytes() const;

 private:
  static constexpr const char* kPrefix = "count ";
  struct Period {
    std::int64_t number = std::numeric_limits<std::int64_t>::min();
    HashIndex counts = {};
    std::vector<Hash128> keys = {};     // of `counts`
    std::vector<Hash128> changed = {};  // since the last snapshot; may repeat
  };
  static std::string entry_key(std::int64_t period, const Hash128& key);
  void begin(std::int64_t period);  // makes it one of the two, if it is later than one of them
  void forget(Period&& period);
  Period& period_of(std::int64_t number) { return number >= now_.number ? now_ : before_; }

  const std::uint64_t limit_;
  Period now_;
  Period before_;
  std::vector<std::string> removed_;  // entries of periods that are forgotten
};

}  // namespace pipec::stdlib
