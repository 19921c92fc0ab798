// Engine steps that must not fail, since a batch would be lost: they are retried if memory runs out or TBB
// cannot start a thread. The run has failed by then; its batches end one after the other and release their
// memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "graph/state/invariant.h"

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

// `call` has done nothing when it throws. `failed` is called in the handler of each attempt that failed.
template <typename Call, typename Failed>
void insist(Call&& call, Failed&& failed) noexcept {
  constexpr int kAttempts = 1'000;
  constexpr std::chrono::milliseconds kPause{5};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    try {
      call();
      return;
    } catch (...) {
      failed();
      if (attempt > 0) std::this_thread::sleep_for(kPause);
    }
  }
  invariant_broken("not even ending the run can get the memory or the thread that it needs");
}

}  // namespace pipec::graph
