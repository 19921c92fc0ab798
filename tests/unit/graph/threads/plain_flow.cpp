// The engine's Flow over plain threads and one queue instead of TBB, whose own synchronisation the thread
// sanitizer does not understand. With it the whole engine and its tests run under TSan.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "graph/flow.h"

namespace pipec::graph {

namespace {

class PlainFlow final : public Flow {
 public:
  explicit PlainFlow(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }
  ~PlainFlow() override {
    wait();
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
      changed_.notify_all();
    }
    for (std::thread& worker : workers_) worker.join();
  }

  std::uint32_t add(Body body) override {
    bodies_.push_back(std::move(body));
    return static_cast<std::uint32_t>(bodies_.size() - 1);
  }
  void put(std::uint32_t node, Parcel* parcel) override {
    post([this, node, parcel] { bodies_[node](parcel); });
  }
  void submit(std::uint32_t node, Parcel* parcel) override { put(node, parcel); }
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    ++open_;
    changed_.notify_one();
  }
  void wait() override {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return open_ == 0; });
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return over_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
      if (--open_ == 0) idle_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_, idle_;
  std::deque<std::function<void()>> tasks_;
  std::size_t open_ = 0;  // waiting or running
  bool over_ = false;
  std::deque<Body> bodies_;
  std::vector<std::thread> workers_;
};

}  // namespace

std::unique_ptr<Flow> Flow::make(unsigned threads) {
  return std::make_unique<PlainFlow>(threads);
}

}  // namespace pipec::graph
