// A serial place in the graph that blocks no worker: whoever brings an item while nobody is at work does it,
// and goes on with what arrives meanwhile; everybody else leaves the item and goes away.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "graph/sequencer.h"

namespace pipec::graph {

template <typename Item>
class Lane {
 public:
  // Null: done with it. A time: the same item is to be processed again after that, before any other. Must not
  // throw.
  using Process = std::function<std::optional<std::chrono::milliseconds>(Item)>;
  // Runs the function on a worker, after a while.
  using Later = std::function<void(std::chrono::milliseconds, std::function<void()>)>;

  Lane(Process process, Later later) : process_(std::move(process)), later_(std::move(later)) {}

  // In the order of the numbers. `more`: see Sequencer::put().
  void arrive(std::uint64_t number, Item item, bool more = false) {
    std::unique_lock lock(mutex_);
    sequencer_.put(number, item, more);
    work(lock);
  }
  // In the order of arrival. A lane takes items in one of the two ways only.
  void arrive(Item item) {
    std::unique_lock lock(mutex_);
    sequencer_.put(arrivals_++, item);
    work(lock);
  }

 private:
  void work(std::unique_lock<std::mutex>& lock) {
    if (busy_) return;
    busy_ = true;
    while (Item item = sequencer_.take()) {
      lock.unlock();
      if (!attempt(item)) return;
      lock.lock();
    }
    busy_ = false;
  }
  // False: the lane stays busy until it goes on by itself.
  bool attempt(Item item) {
    const std::optional<std::chrono::milliseconds> again = process_(item);
    if (!again) return true;
    later_(*again, [this, item] {
      if (!attempt(item)) return;
      std::unique_lock lock(mutex_);
      busy_ = false;
      work(lock);
    });
    return false;
  }

  Process process_;
  Later later_;
  std::mutex mutex_;
  Sequencer<Item> sequencer_;
  std::uint64_t arrivals_ = 0;
  bool busy_ = false;
};

}  // namespace pipec::graph
