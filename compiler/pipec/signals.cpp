#include "compiler/pipec/signals.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <cstdint>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pipec::cli {
namespace {

constexpr auto kGrace = std::chrono::seconds(1);

}  // namespace

void ignore_write_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

Signals::Signals(Console& console, Actions actions) : console_(console), actions_(std::move(actions)) {
  sigemptyset(&served_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    struct sigaction current {};
    ::sigaction(signal, nullptr, &current);
    if (current.sa_handler != SIG_IGN) sigaddset(&served_, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &served_, nullptr);
  signals_ = ::signalfd(-1, &served_, SFD_CLOEXEC | SFD_NONBLOCK);
  end_ = ::eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || end_ < 0) {
    // No descriptor is left: the signals keep their default meaning.
    ::pthread_sigmask(SIG_UNBLOCK, &served_, nullptr);
    return;
  }
  thread_ = std::thread([this] { serve(); });
}

Signals::~Signals() {
  if (thread_.joinable()) {
    ::eventfd_write(end_, 1);
    thread_.join();
  }
  if (signals_ >= 0) ::close(signals_);
  if (end_ >= 0) ::close(end_);
}

void Signals::serve() {
  for (;;) {
    int wait = -1;
    if (received_.load() != 0) {
      const auto left = leave_at_ - std::chrono::steady_clock::now();
      const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      wait = static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, 1'000'000'000));
    }
    pollfd ready[] = {{signals_, POLLIN, 0}, {end_, POLLIN, 0}};
    const int count = ::poll(ready, 2, wait);
    if (count < 0 && errno == EINTR) continue;
    if (ready[1].revents != 0) return;
    if (count == 0) {
      console_.error(
          "the deadline has passed and the pipeline has not drained; uncommitted records are delivered again "
          "next time");
      ::_exit(kFailed);
    }
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == sizeof info) handle(static_cast<int>(info.ssi_signo));
  }
}

void Signals::handle(int signal) {
  if (signal == SIGUSR1) {
    actions_.on_report();
    return;
  }
  if (received_.load() != 0) ::_exit(128 + signal);
  leave_at_ = std::chrono::steady_clock::now() + actions_.deadline + kGrace;
  received_.store(signal);
  actions_.on_stop();
}

}  // namespace pipec::cli
