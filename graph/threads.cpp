#include "graph/threads.h"

#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "pipec/runtime/guarded.h"

namespace pipec::graph {

runtime::Error thread_error(const std::string& why) noexcept {
  runtime::Error error = runtime::Error::make(runtime::ErrorCode::resources, "no thread");
  static_cast<void>(runtime::guarded([&] {
    error.message = "cannot start a thread: " + why +
                    "; the limit of processes (ulimit -u, pids.max) or of memory (ulimit -v) is reached";
  }));
  return error;
}

runtime::Status probe_threads(unsigned count) {
  std::mutex mutex;
  std::condition_variable changed;
  bool enough = false;
  std::vector<std::thread> threads;
  threads.reserve(count);
  runtime::Status status;
  try {
    for (unsigned i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return enough; });
      });
    }
  } catch (const std::system_error& error) {
    status = thread_error(error.code().message());
  } catch (const std::bad_alloc&) {
    status = runtime::memory_error();
  }
  {
    const std::lock_guard lock(mutex);
    enough = true;
    changed.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace pipec::graph
