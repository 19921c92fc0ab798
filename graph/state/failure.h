// The first fatal error of a run, and from which batch on nothing may leave any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "pipec/runtime/error.h"

namespace pipec::graph {

class Failure {
 public:
  // Batch `sequence` failed. Workers find errors in any order: the error of the earliest batch is the run's
  // error, since earlier batches still run to their end.
  void fail_at(std::uint64_t sequence, runtime::Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_ || (!final_ && sequence < sequence_)) {
      error_ = std::move(error);
      sequence_ = sequence;
    }
    if (sequence < from_.load(std::memory_order_relaxed)) from_.store(sequence, std::memory_order_relaxed);
    any_.store(true, std::memory_order_release);
  }
  // Not caused by a batch (a source failed): batches already received continue.
  void fail_source(runtime::Error error) { fail_at(kNoBatch, std::move(error)); }
  // Whatever happens to the batches in flight, none may be committed any more (a rejected commit, the
  // deadline).
  void fail_all(runtime::Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    final_ = true;
    from_.store(0, std::memory_order_relaxed);
    any_.store(true, std::memory_order_release);
  }

  bool any() const { return any_.load(std::memory_order_acquire); }
  bool before_failure(std::uint64_t sequence) const {
    return sequence < from_.load(std::memory_order_relaxed);
  }
  std::optional<runtime::Error> error() const {
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  static constexpr std::uint64_t kNoBatch = std::numeric_limits<std::uint64_t>::max();
  mutable std::mutex mutex_;
  std::optional<runtime::Error> error_;
  std::uint64_t sequence_ = kNoBatch;
  bool final_ = false;
  std::atomic<std::uint64_t> from_{kNoBatch};
  std::atomic<bool> any_{false};
};

}  // namespace pipec::graph
