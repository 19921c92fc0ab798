// The only file that knows TBB.
//
// Three traps of TBB shape it (docs/design.md has programs that show them). First, a put from outside the
// arena, also through a gateway, does not wake a worker (with a parallelism of 1 nothing would ever run),
// while task_arena::enqueue() always does. Messages from outside are therefore enqueued, unless they go to a
// node that runs at once. Second, TBB starts one worker less than there are CPUs, counting on the main
// thread, which sleeps here. The limit is therefore raised, by the same amount in every pipeline, since the
// lowest of all limits applies; the arena's size is the effective bound. Third, TBB forwards a node's return
// value only after it has freed the node, so order could be lost there. Bodies therefore send to their ports
// themselves, which are broadcast nodes with one edge.
#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <variant>

#include "graph/wiring.h"

namespace pipec::graph {

namespace {

namespace flow = tbb::flow;

constexpr std::size_t kMostThreads = 257;

class TbbWiring final : public Wiring {
 public:
  explicit TbbWiring(unsigned threads)
      : limit_(tbb::global_control::max_allowed_parallelism, kMostThreads),
        arena_(static_cast<int>(std::clamp<unsigned>(threads, 1, kMostThreads - 1)), 0) {
    // A graph belongs to the arena it was made in.
    arena_.execute([&] { graph_ = std::make_unique<flow::graph>(); });
  }
  ~TbbWiring() override { wait(); }

  void send(Number port, const Message& message) override { ports_[port].put(message); }

  void hand_on(Number number, const Message& message) override {
    Port& port = ports_[number];
    if (port.at_once) return port.put(message);
    graph_->reserve_wait();
    arena_.enqueue([this, &port, message] {
      port.put(message);
      graph_->release_wait();
    });
  }

  void wait() override {
    arena_.execute([&] { graph_->wait_for_all(); });
  }

 protected:
  void make_node(Runs runs, Body body) override {
    switch (runs) {
      case Runs::parallel:
      case Runs::serial:
        nodes_.emplace_back(std::in_place_type<Worker>, *graph_,
                            runs == Runs::serial ? flow::serial : flow::unlimited,
                            [body = std::move(body)](const Message& message) {
                              body(message);
                              return flow::continue_msg();
                            });
        return;
      case Runs::at_once:
        nodes_.emplace_back(std::in_place_type<AtOnce>, *graph_, flow::unlimited,
                            [body = std::move(body)](const Message& message) noexcept {
                              body(message);
                              return flow::continue_msg();
                            });
        return;
      case Runs::own_thread:
        nodes_.emplace_back(
            std::in_place_type<Own>, *graph_, flow::unlimited,
            [body = std::move(body)](const Message& message, Own::gateway_type&) noexcept { body(message); });
        return;
    }
  }

  // The first port of a node with its own thread is its gateway.
  void make_port(Number node, Runs runs) override {
    Port& port = ports_.emplace_back(*graph_);
    if (runs != Runs::own_thread) return;
    Own& own = std::get<Own>(nodes_[node]);
    if (std::any_of(ports_.begin(), ports_.end() - 1,
                    [&](const Port& other) { return other.gateway == &own.gateway(); })) {
      return;
    }
    port.gateway = &own.gateway();
    port.owner = &own;
  }

  void make_edge(Number number, Number node, Runs to) override {
    Port& port = ports_[number];
    port.at_once = to == Runs::at_once || to == Runs::own_thread;
    if (port.gateway) {
      flow::make_edge(flow::output_port<0>(*port.owner), input(node));
    } else {
      flow::make_edge(port.node, input(node));
    }
  }

 private:
  using Worker = flow::function_node<Message, flow::continue_msg>;
  using AtOnce = flow::function_node<Message, flow::continue_msg, flow::lightweight>;
  using Own = flow::async_node<Message, Message>;
  struct Port {
    explicit Port(flow::graph& graph) : node(graph) {}
    void put(const Message& message) {
      if (gateway) {
        gateway->try_put(message);
      } else {
        node.try_put(message);
      }
    }
    flow::broadcast_node<Message> node;
    Own* owner = nullptr;
    Own::gateway_type* gateway = nullptr;  // null: it is `node`
    bool at_once = false;
  };

  flow::receiver<Message>& input(Number number) {
    return std::visit([](auto& node) -> flow::receiver<Message>& { return node; }, nodes_[number]);
  }

  tbb::global_control limit_;
  tbb::task_arena arena_;
  std::unique_ptr<flow::graph> graph_;
  std::deque<std::variant<Worker, AtOnce, Own>> nodes_;  // nodes cannot move
  std::deque<Port> ports_;
};

}  // namespace

std::unique_ptr<Wiring> make_wiring(unsigned threads) {
  return std::make_unique<TbbWiring>(threads);
}

}  // namespace pipec::graph
