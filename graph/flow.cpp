// The only file that knows TBB.
//
// Two traps of TBB shape it. A put from outside the arena does not by itself bring a worker (with a
// parallelism of 1 nothing would ever run), while task_arena::enqueue() always brings one: so everything from
// outside is enqueued. And TBB starts one worker less than there are CPUs, counting on the main thread, which
// sleeps here: so the limit is raised, by the same amount in every pipeline, as the lowest of all limits
// rules; the arena's size is what bounds us.
#include "graph/flow.h"

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <deque>
#include <utility>

namespace pipec::graph {

namespace {

constexpr std::size_t kMostThreads = 257;

class TbbFlow final : public Flow {
 public:
  explicit TbbFlow(unsigned threads)
      : limit_(tbb::global_control::max_allowed_parallelism, kMostThreads),
        arena_(static_cast<int>(std::clamp<unsigned>(threads, 1, kMostThreads - 1)), 0) {
    // A graph belongs to the arena it was made in.
    arena_.execute([&] { graph_ = std::make_unique<tbb::flow::graph>(); });
  }
  ~TbbFlow() override { wait(); }

  std::uint32_t add(Body body) override {
    nodes_.emplace_back(*graph_, tbb::flow::unlimited, [body = std::move(body)](Parcel* parcel) {
      body(parcel);
      return tbb::flow::continue_msg();
    });
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  void put(std::uint32_t node, Parcel* parcel) override { nodes_[node].try_put(parcel); }

  void submit(std::uint32_t node, Parcel* parcel) override {
    graph_->reserve_wait();
    arena_.enqueue([this, node, parcel] {
      nodes_[node].try_put(parcel);
      graph_->release_wait();
    });
  }

  void post(std::function<void()> task) override {
    graph_->reserve_wait();
    arena_.enqueue([this, task = std::move(task)] {
      task();
      graph_->release_wait();
    });
  }

  void wait() override {
    arena_.execute([&] { graph_->wait_for_all(); });
  }

 private:
  using Node = tbb::flow::function_node<Parcel*, tbb::flow::continue_msg>;
  tbb::global_control limit_;
  tbb::task_arena arena_;
  std::unique_ptr<tbb::flow::graph> graph_;
  std::deque<Node> nodes_;  // nodes cannot move
};

}  // namespace

std::unique_ptr<Flow> Flow::make(unsigned threads) {
  return std::make_unique<TbbFlow>(threads);
}

}  // namespace pipec::graph
