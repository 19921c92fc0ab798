// Replaces the program's allocation and thread start with versions that a test can make fail.
#pragma once

#include <atomic>

namespace pipec::test {

// The n-th request from now on fails; 0: none does.
class Countdown {
 public:
  void arm(long n) {
    seen_ = 0;
    left_ = n;
  }
  long disarm() {
    left_ = 0;
    return seen_;
  }
  bool fails() {
    seen_.fetch_add(1, std::memory_order_relaxed);
    return left_.load(std::memory_order_relaxed) > 0 && left_.fetch_sub(1) == 1;
  }

 private:
  std::atomic<long> left_{0}, seen_{0};
};

extern Countdown failing_allocations;
extern Countdown failing_threads;

}  // namespace pipec::test

// The sanitizers replace pthread_create.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PIPEC_THREADS_MAY_FAIL
#endif
