#include "unit/graph/failing.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace pipec::test {

Countdown failing_allocations;
Countdown failing_threads;

}  // namespace pipec::test

namespace {

// The address range of TBB's code. Its own allocations do not fail here: TBB puts a task into its queue
// before it allocates for the thread that is to run it, so the sender cannot know whether the task was
// accepted, and in TBB's own threads a failure ends the process.
struct Library {
  std::uintptr_t begin = 0, end = 0;

  Library() {
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* data) {
          if (!std::strstr(info->dlpi_name, "libtbb")) return 0;
          auto& found = *static_cast<Library*>(data);
          found.begin = info->dlpi_addr;
          for (int i = 0; i < info->dlpi_phnum; ++i) {
            const auto& part = info->dlpi_phdr[i];
            found.end = std::max<std::uintptr_t>(found.end, info->dlpi_addr + part.p_vaddr + part.p_memsz);
          }
          return 1;
        },
        this);
  }
  bool holds(const void* address) const {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    return begin <= at && at < end;
  }
};

void* allocate(std::size_t bytes, std::size_t alignment, const void* caller) {
  static const Library tbb;
  if (!tbb.holds(caller) && pipec::test::failing_allocations.fails()) throw std::bad_alloc();
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
  return allocate(bytes, 0, __builtin_return_address(0));
}
void* operator new[](std::size_t bytes) {
  return allocate(bytes, 0, __builtin_return_address(0));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment), __builtin_return_address(0));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment), __builtin_return_address(0));
}
// A caller of this form continues without the memory.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes == 0 ? 1 : bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes == 0 ? 1 : bytes);
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
