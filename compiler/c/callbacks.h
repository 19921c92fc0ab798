// The program's callbacks. Engine threads share them, because a thread that hangs in one outlives the handle.
#pragma once

#include "pipec/c.h"

namespace pipec::c {

template <typename Function>
struct Callback {
  Function function = nullptr;
  void* user = nullptr;
  explicit operator bool() const { return function != nullptr; }
};

struct Callbacks {
  Callback<pipec_text_fn> dead_letter = {};
  Callback<pipec_error_fn> error = {};
  Callback<pipec_log_fn> log = {};
};

// Marks this thread as being inside a callback, where waiting for the run would be a deadlock.
class Inside {
 public:
  explicit Inside(const Callbacks& callbacks) : outer_(current_) { current_ = &callbacks; }
  ~Inside() { current_ = outer_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  static bool is(const Callbacks& callbacks) { return current_ == &callbacks; }

 private:
  static thread_local const Callbacks* current_;
  const Callbacks* outer_;
};

}  // namespace pipec::c
