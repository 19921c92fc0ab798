// Preloaded into a process, this shifts its wall clock by the number of seconds in the file that
// SHIFTED_CLOCK names; the shift may change at any moment. Monotonic clocks are unchanged. A wait for a
// moment of the wall clock checks the clock again every few milliseconds, since a real jump may end the wait.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLook = 20'000'000;

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::int64_t shift() {
  static const auto* const shared = []() -> const std::atomic<std::int64_t>* {
    const char* name = std::getenv("SHIFTED_CLOCK");
    const int file = name ? ::open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) std::abort();  // a test that shifts nothing would pass
    void* at = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    if (at == MAP_FAILED) std::abort();
    return static_cast<const std::atomic<std::int64_t>*>(at);
  }();
  return shared->load(std::memory_order_relaxed) * kSecond;
}

std::int64_t real_now() {
  static auto* const real = next<int(clockid_t, timespec*)>("clock_gettime");
  timespec now{};
  real(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

timespec to_timespec(std::int64_t time) {
  return {static_cast<std::time_t>(time / kSecond), static_cast<long>(time % kSecond)};
}

// A part of a wait for a moment. If it is not the last part, its end is a spurious wake-up for the caller,
// which every caller has to expect.
struct Step {
  explicit Step(const timespec& moment) {
    const std::int64_t left = moment.tv_sec * kSecond + moment.tv_nsec - real_now() - shift();
    last = left <= kLook;
    until = to_timespec(real_now() + std::clamp<std::int64_t>(left, 0, kLook));
  }
  bool last = false;
  timespec until{};
};

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static auto* const real = next<int(clockid_t, timespec*)>("clock_gettime");
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return real(clock, time);
  *time = to_timespec(real_now() + shift());
  return 0;
}

int gettimeofday(timeval* time, void*) noexcept {
  const std::int64_t now = real_now() + shift();
  *time = {static_cast<std::time_t>(now / kSecond), static_cast<suseconds_t>(now % kSecond / 1000)};
  return 0;
}

std::time_t time(std::time_t* result) noexcept {
  const auto now = static_cast<std::time_t>((real_now() + shift()) / kSecond);
  if (result) *result = now;
  return now;
}

int timespec_get(timespec* time, int base) noexcept {
  *time = to_timespec(real_now() + shift());
  return base;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  static auto* const real =
      next<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  const Step step(*until);
  const int result = real(condition, mutex, &step.until);
  return result == ETIMEDOUT && !step.last ? 0 : result;
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  static auto* const real = next<int(cnd_t*, mtx_t*, const timespec*)>("cnd_timedwait");
  const Step step(*until);
  const int result = real(condition, mutex, &step.until);
  return result == thrd_timedout && !step.last ? int{thrd_success} : result;
}

}  // extern "C"
