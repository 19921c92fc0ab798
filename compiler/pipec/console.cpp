#include "compiler/pipec/console.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace pipec::cli {

void hold_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest free number is taken, which is this one.
    if (::fcntl(descriptor, F_GETFD) < 0)
      ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

bool is_terminal(int descriptor) {
  return ::isatty(descriptor) == 1;
}

bool use_color(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  if (term == nullptr || std::strcmp(term, "dumb") == 0) return false;
  return is_terminal(descriptor);
}

bool write_all(int descriptor, std::string_view text, std::string& reason) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {
      pollfd ready{descriptor, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (written == 0 || errno != EINTR) {
      reason = std::strerror(errno);
      return false;
    }
  }
  return true;
}

bool stdout_reader_is_gone() {
  pollfd state{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & POLLERR) != 0;
}

void leave_by_sigpipe() {
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
  ::raise(SIGPIPE);
  ::_exit(128 + SIGPIPE);
}

Console::Console() : terminal_(is_terminal(STDERR_FILENO)), color_(use_color(STDERR_FILENO)) {}

unsigned Console::width() const {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) return size.ws_col;
  return 80;
}

void Console::text(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (bar_.empty()) {
    write(text);
    return;
  }
  write("\r\x1b[K" + std::string(text) + bar_);
}

void Console::line(std::string_view line) {
  text(std::string(line) + "\n");
}

void Console::error(std::string_view message) {
  line((color_ ? "\x1b[1;31merror\x1b[0m: " : "error: ") + std::string(message));
}

void Console::warning(std::string_view message) {
  line((color_ ? "\x1b[1;33mwarning\x1b[0m: " : "warning: ") + std::string(message));
}

void Console::bar(std::string_view bar) {
  if (!terminal_) return;
  const std::lock_guard lock(mutex_);
  if (bar.empty() && bar_.empty()) return;
  bar_ = bar;
  write("\r" + bar_ + "\x1b[K");
}

void Console::write(std::string_view text) {
  // If stderr itself is closed, the failure cannot be reported.
  std::string reason;
  (void)write_all(STDERR_FILENO, text, reason);
}

int print(Console& console, std::string_view text) {
  std::string reason;
  if (write_all(STDOUT_FILENO, text, reason)) return kDone;
  if (stdout_reader_is_gone()) leave_by_sigpipe();
  console.error("cannot write to stdout: " + reason);
  return kFailed;
}

}  // namespace pipec::cli
