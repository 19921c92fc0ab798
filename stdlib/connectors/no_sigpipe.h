// Makes a write to a pipe without a reader an error instead of ending the process.
#pragma once

#include <signal.h>

namespace pipec::stdlib {

// While it lives, SIGPIPE is blocked for this thread; one that came meanwhile is taken. Nobody else's
// handling of the signal changes. Keeps errno.
class NoSigpipe {
 public:
  NoSigpipe();
  ~NoSigpipe();
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace pipec::stdlib
