// Shows why some boxes of the graph are not the TBB node of that name: each rejected form fails here.
// docs/design.md, "The graph that runs", explains the output.
#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

namespace {

namespace flow = tbb::flow;
using Node = flow::function_node<int, flow::continue_msg>;
constexpr std::chrono::milliseconds kLong{300}, kShort{30};

void sequencer_takes_one_message_of_a_number() {
  flow::graph graph;
  flow::sequencer_node<int> order(graph, [](int message) { return static_cast<std::size_t>(message) / 10; });
  const bool first = order.try_put(1);
  const bool second = order.try_put(2);  // the next part of number 0
  graph.wait_for_all();
  int message = 0;
  const bool taken = order.try_get(message);
  const bool behind = order.try_put(2);
  std::printf("sequencer_node: first part taken: %d, second: %d, second once the first (%d) has left: %d\n",
              first, second, taken ? message : -1, behind);
}

// An embedding program, or a container, may leave TBB one thread.
struct OneThread {
  tbb::global_control limit{tbb::global_control::max_allowed_parallelism, 1};
  tbb::task_arena arena{1, 0};
  std::unique_ptr<flow::graph> graph;
  OneThread() {
    arena.execute([&] { graph = std::make_unique<flow::graph>(); });
  }
  // Runs queued tasks, so that the graph can be destroyed.
  void drain() {
    arena.execute([&] { graph->wait_for_all(); });
  }
};

void gateway_brings_no_worker() {
  OneThread one;
  std::atomic<int> ran{0};
  flow::async_node<int, int> recv(*one.graph, flow::unlimited, [](int, auto&) {});
  Node stage(*one.graph, flow::unlimited, [&](int) { return ++ran, flow::continue_msg(); });
  flow::make_edge(flow::output_port<0>(recv), stage);
  recv.gateway().try_put(1);
  std::this_thread::sleep_for(kLong);
  const int by_gateway = ran;
  one.arena.enqueue([&] { recv.gateway().try_put(2); });
  std::this_thread::sleep_for(kLong);
  std::printf("gateway from outside, one thread: %d of 1 ran; through enqueue(): %d of 2\n", by_gateway,
              ran.load());
  one.drain();
}

void serial_node_at_once_leaves_what_meets_it() {
  OneThread one;
  std::atomic<int> ran{0};
  flow::function_node<int, flow::continue_msg, flow::queueing_lightweight> limiter(
      *one.graph, flow::serial, [&](int message) noexcept {
        if (message == 0) std::this_thread::sleep_for(kLong);
        return ++ran, flow::continue_msg();
      });
  std::thread source([&] { limiter.try_put(0); });
  std::this_thread::sleep_for(kShort);
  limiter.try_put(1);
  source.join();
  std::this_thread::sleep_for(kLong);
  std::printf("serial lightweight node, two sources meet: %d of 2 ran\n", ran.load());
  one.drain();
}

}  // namespace

int main() {
  sequencer_takes_one_message_of_a_number();
  gateway_brings_no_worker();
  serial_node_at_once_leaves_what_meets_it();
}
