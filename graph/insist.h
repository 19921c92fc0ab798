// Steps of the engine without which a batch would be lost to it: they are tried again when there is no
// memory. The run has failed then; its batches end one after the other and give theirs back.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "graph/invariant.h"

namespace pipec::graph {

// Memory that is kept back for the end of a run that has no other.
class Reserve {
 public:
  explicit Reserve(std::size_t bytes) : bytes_(new std::byte[bytes]) {}
  void release() noexcept {
    const std::lock_guard lock(mutex_);
    bytes_.reset();
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<std::byte[]> bytes_;
};

// `call` has done nothing when it throws. `out_of_memory` is told of each attempt that failed.
template <typename Call, typename OutOfMemory>
void insist(Call&& call, OutOfMemory&& out_of_memory) noexcept {
  constexpr int kAttempts = 1'000;
  constexpr std::chrono::milliseconds kPause{5};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    try {
      call();
      return;
    } catch (const std::bad_alloc&) {
      out_of_memory();
      if (attempt > 0) std::this_thread::sleep_for(kPause);
    }
  }
  invariant_broken("no memory is left, not even to end the run");
}

}  // namespace pipec::graph
