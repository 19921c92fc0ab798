// Which windows a time belongs to: tumbling and hopping ones, aligned to the epoch.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace pipec::stdlib {

// From `start` to before `end`, in nanoseconds since 1970. Ordered as windows leave.
struct Window {
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  std::int64_t start = std::numeric_limits<std::int64_t>::min();
  // Not the spaceship operator: clang-tidy takes its definition for a null pointer.
  friend bool operator==(const Window&, const Window&) = default;
  friend bool operator<(const Window& a, const Window& b) {
    return a.end != b.end ? a.end < b.end : a.start < b.start;
  }
};

struct WindowShape {
  std::int64_t every = 0;  // 0: one window for all time
  std::int64_t over = 0;   // a multiple of `every`

  // Calls use(window) for each window of the time, the last to end first. Times within `over` of what 64 bits
  // hold belong to no window.
  template <class Use>
  void each(std::int64_t time, Use&& use) const {
    if (every == 0) {
      use(Window());
      return;
    }
    std::int64_t start = time / every * every;
    if (start > time && __builtin_sub_overflow(start, every, &start)) return;
    for (std::int64_t end = 0; !__builtin_add_overflow(start, over, &end) && end > time;) {
      use(Window{end, start});
      if (__builtin_sub_overflow(start, every, &start)) return;
    }
  }
};

}  // namespace pipec::stdlib
