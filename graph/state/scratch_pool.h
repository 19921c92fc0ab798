// A stage's scratch objects, one per worker. Slots are not bound to workers: a worker takes the slot it used
// last, if free. So a stage that waits inside TBB and is re-entered on the same thread does not get the
// scratch it is already using.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "pipec/runtime/stage.h"

namespace pipec::graph {

class ScratchPool {
  struct Slot;

 public:
  using Make = std::function<std::unique_ptr<runtime::Scratch>()>;

  // `make` is called once per slot, when it is first used.
  ScratchPool(std::size_t workers, Make make) : slots_(workers), make_(std::move(make)) {}

  class Lease {
   public:
    explicit Lease(ScratchPool& pool) {
      const std::size_t count = pool.slots_.size();
      for (std::size_t i = 0, at = preferred(); i < count; ++i, ++at) {
        Slot& slot = pool.slots_[at % count];
        if (slot.busy.exchange(true, std::memory_order_acquire)) continue;
        slot_ = &slot;
        break;
      }
      try {
        if (!slot_) {
          own_ = pool.make_();
        } else if (!slot_->made) {
          slot_->scratch = pool.make_();
          slot_->made = true;
        }
      } catch (...) {
        give_back();
        throw;
      }
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { give_back(); }
    runtime::Scratch* get() const { return slot_ ? slot_->scratch.get() : own_.get(); }

   private:
    void give_back() {
      if (slot_) slot_->busy.store(false, std::memory_order_release);
    }
    Slot* slot_ = nullptr;
    std::unique_ptr<runtime::Scratch> own_;  // where all slots are taken
  };

 private:
  struct alignas(64) Slot {  // a cache line each: workers mark theirs for every batch
    std::atomic<bool> busy{false};
    bool made = false;
    std::unique_ptr<runtime::Scratch> scratch;
  };
  // A number of the calling thread, the same for all pools.
  static std::size_t preferred() {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
    return number;
  }

  std::vector<Slot> slots_;
  Make make_;
};

}  // namespace pipec::graph
