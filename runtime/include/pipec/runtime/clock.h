// Time as a parameter, so that tests own it.
#pragma once

#include <chrono>
#include <cstdint>

namespace pipec::runtime {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::steady_clock::time_point steady_now() const = 0;
  virtual std::int64_t unix_nanoseconds() const = 0;
  static const Clock& system();
};

}  // namespace pipec::runtime
