#include "unit/graph/failing.h"

#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace pipec::test {

Countdown failing_allocations;
Countdown failing_threads;

}  // namespace pipec::test

namespace {

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (pipec::test::failing_allocations.fails()) throw std::bad_alloc();
  void* found = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    found = std::malloc(bytes == 0 ? 1 : bytes);
  } else if (::posix_memalign(&found, alignment, bytes) != 0) {
    found = nullptr;
  }
  if (!found) throw std::bad_alloc();
  return found;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes, 0);
}
void* operator new[](std::size_t bytes) {
  return allocate(bytes, 0);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

#ifdef PIPEC_THREADS_MAY_FAIL
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                              void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  return pipec::test::failing_threads.fails() ? EAGAIN : create(thread, attributes, body, argument);
}
#endif
