// What prepare() makes of a batch: its groups by window.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "pipec/runtime/ordered_stage.h"
#include "stdlib/stages/summarize/summary.h"

namespace pipec::stdlib {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

// The watermark that a record of this time sets.
inline std::int64_t watermark_of(std::int64_t time, std::int64_t late) {
  std::int64_t mark = 0;
  return __builtin_sub_overflow(time, late, &mark) ? kNever : mark;
}

// By arrival the windows are not known yet: all groups are in one.
struct Partial final : runtime::Prepared {
  explicit Partial(const Summary& all) : summary(all) {}
  // The records of the batch, in order. A record is left out of windows that earlier ones have ended.
  void add(Row& row);

  const Summary& summary;
  std::map<Window, Groups> windows;
  std::vector<std::int64_t> times;  // of the records, with `at`
  std::int64_t watermark = kNever;  // as far as the batch's records set it
  bool one_by_one = false;          // a record may have to be refused: the groups are not complete
};

}  // namespace pipec::stdlib
