// Waits for a descriptor, and can be woken from another thread.
#pragma once

#include <chrono>
#include <optional>

#include "pipec/runtime/fd.h"

namespace pipec::stdlib {

class Wakeup {
 public:
  Wakeup();
  enum class Ready { descriptor, timeout, woken };
  // events: POLLIN or POLLOUT. nullopt: wait without end. Woken stays woken: every later wait returns at
  // once.
  Ready wait(int fd, short events, std::optional<std::chrono::milliseconds> timeout) const;
  // Any thread.
  void wake();

 private:
  runtime::Fd event_;
};

}  // namespace pipec::stdlib
