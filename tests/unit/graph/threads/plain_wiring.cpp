// The graph's wiring over plain threads and one queue instead of TBB, whose own synchronisation the thread
// sanitizer does not understand. With it the whole graph and its tests run under TSan.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "graph/wiring.h"

namespace pipec::graph {

namespace {

class PlainWiring final : public Wiring {
 public:
  explicit PlainWiring(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }
  ~PlainWiring() override {
    PlainWiring::wait();
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
      changed_.notify_all();
    }
    for (std::thread& worker : workers_) worker.join();
  }

  void send(Number port, const Message& message) override { deliver(edges_[port], message); }
  void hand_on(Number port, const Message& message) override { deliver(edges_[port], message); }
  void wait() override {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return open_ == 0; });
  }

 protected:
  void make_node(Runs runs, Body body) override {
    nodes_.emplace_back();
    nodes_.back().runs = runs;
    nodes_.back().body = std::move(body);
  }
  void make_port(Number, Runs) override { edges_.push_back(0); }
  void make_edge(Number port, Number node, Runs) override { edges_[port] = node; }

 private:
  struct Node {
    Runs runs = Runs::parallel;
    Body body;
    bool busy = false;             // serial
    std::deque<Message> messages;  // serial: waiting for the one at work
  };

  void deliver(Number number, const Message& message) {
    Node& node = nodes_[number];
    if (node.runs == Runs::at_once || node.runs == Runs::own_thread) {
      node.body(message);
      return;
    }
    const std::lock_guard lock(mutex_);
    queue(number, message);
  }
  // The lock is held.
  void queue(Number number, const Message& message) {
    tasks_.emplace_back(number, message);
    ++open_;
    changed_.notify_one();
  }
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return over_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const auto [number, message] = tasks_.front();
      tasks_.pop_front();
      run(nodes_[number], message, lock);
    }
  }
  void run(Node& node, const Message& first, std::unique_lock<std::mutex>& lock) {
    if (node.runs == Runs::serial) {
      node.messages.push_back(first);
      if (node.busy) return;
      node.busy = true;
      while (!node.messages.empty()) {
        const Message message = node.messages.front();
        node.messages.pop_front();
        call(node, message, lock);
      }
      node.busy = false;
      return;
    }
    call(node, first, lock);
  }
  void call(Node& node, const Message& message, std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    node.body(message);
    lock.lock();
    if (--open_ == 0) idle_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_, idle_;
  std::deque<std::pair<Number, Message>> tasks_;
  std::size_t open_ = 0;  // messages that wait or are at work
  bool over_ = false;
  std::deque<Node> nodes_;
  std::vector<Number> edges_;  // of each port: the node
  std::vector<std::thread> workers_;
};

}  // namespace

std::unique_ptr<Wiring> make_wiring(unsigned threads) {
  return std::make_unique<PlainWiring>(threads);
}

}  // namespace pipec::graph
