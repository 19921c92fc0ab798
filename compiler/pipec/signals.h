// Handling of SIGINT, SIGTERM, SIGHUP and SIGUSR1 while pipelines run. SIGPIPE and SIGXFSZ are ignored from
// the start of the process: a write then fails with EPIPE or EFBIG, and the run ends with that error.
#pragma once

#include <signal.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "compiler/pipec/console.h"

namespace pipec::cli {

// For main(), before anything else.
void ignore_write_signals();

// The first SIGINT, SIGTERM or SIGHUP calls on_stop; the second exits immediately with status 128 + n,
// without committing. If the process still runs one second after the deadline that the first one starts, it
// exits with status 1. SIGUSR1 calls on_report. A signal that was ignored when the process began (nohup, a
// shell's background job) stays ignored.
//
// Threads inherit the blocked signals, so it must be made before any other thread. The callbacks run on its
// own one.
class Signals {
 public:
  struct Actions {
    std::function<void()> on_stop;
    std::function<void()> on_report;
    std::chrono::milliseconds deadline{0};
  };
  Signals(Console& console, Actions actions);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The signal that requested the stop; 0: none.
  int received() const { return received_.load(); }

 private:
  void serve();
  void handle(int signal);

  Console& console_;
  Actions actions_;
  sigset_t served_;
  int signals_ = -1;  // signalfd
  int end_ = -1;      // eventfd: the thread's end
  std::atomic<int> received_{0};
  std::chrono::steady_clock::time_point leave_at_;
  std::thread thread_;
};

}  // namespace pipec::cli
