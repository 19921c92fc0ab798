// Makes a write to a pipe without a reader an error instead of ending the process.
#pragma once

#include <signal.h>

namespace pipec::stdlib {

// Blocks SIGPIPE for this thread during its lifetime and consumes a pending one. Signal handling of other
// code does not change. Preserves errno.
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
