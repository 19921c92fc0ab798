#include "stdlib/connectors/wakeup.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace pipec::stdlib {

Wakeup::Wakeup() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Wakeup::Ready Wakeup::wait(int fd, short events, std::optional<std::chrono::milliseconds> timeout) const {
  // Without an eventfd (no descriptors left) poll() passes over the -1: then nothing wakes it but the
  // timeout.
  pollfd polled[2] = {{fd, events, 0}, {event_.get(), POLLIN, 0}};
  const auto deadline = std::chrono::steady_clock::now() + timeout.value_or(std::chrono::milliseconds(0));
  for (;;) {
    int left = -1;
    if (timeout) {
      const auto until =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      left = until.count() > 0 ? static_cast<int>(until.count()) : 0;
    }
    const int ready = ::poll(polled, 2, left);
    if (ready < 0 && errno == EINTR) continue;
    if (ready > 0 && polled[1].revents != 0) return Ready::woken;
    // A failed poll counts as ready: the following read or write reports the error.
    return ready == 0 ? Ready::timeout : Ready::descriptor;
  }
}

void Wakeup::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

}  // namespace pipec::stdlib
