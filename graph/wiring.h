// The building blocks of the graph: nodes with one input and any number of output ports, and edges from a
// port to an input. wiring_tbb.cpp implements them with a oneTBB flow graph. A second implementation over
// plain threads, in the tests, is for the thread sanitizer, which does not understand TBB's synchronisation.
//
// A wiring records its nodes and edges, so that a picture of the graph shows the object that runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "pipec/graph/picture.h"

namespace pipec::graph {

class Wiring {
 public:
  // How a node's body is run. Bodies must not throw: TBB would drop queued messages.
  enum class Runs : std::uint8_t {
    parallel,    // on the workers, any number of messages at once
    serial,      // on the workers, one message at a time, in order of arrival
    at_once,     // in the thread that sends, any number at once: a few steps, no allocation by the graph
    own_thread,  // at once: the body leaves the message to its own thread, which sends the results
  };
  // A message: a pointer and a few numbers. TBB copies messages and never moves them.
  struct Message {
    alignas(8) std::array<std::byte, 24> bytes;
  };
  using Body = std::function<void(const Message&)>;
  using Number = std::uint32_t;

  Wiring() = default;
  Wiring(const Wiring&) = delete;
  Wiring& operator=(const Wiring&) = delete;
  // Waits until all is quiet.
  virtual ~Wiring() = default;

  // Before the first message.
  Number add_node(std::string name, std::string kind, Runs runs, Body body);
  Number add_port(Number node, std::string carries);
  void add_edge(Number port, Number node);

  // From a body.
  virtual void send(Number port, const Message& message) = 0;
  // Any thread: a worker processes the message, or the calling thread does if the next node runs at once.
  virtual void hand_on(Number port, const Message& message) = 0;
  // Until nothing is queued or running. Nobody sends from outside any more.
  virtual void wait() = 0;

  const Picture& picture() const { return picture_; }

 protected:
  virtual void make_node(Runs runs, Body body) = 0;  // the next number
  virtual void make_port(Number node, Runs runs) = 0;
  virtual void make_edge(Number port, Number node, Runs to) = 0;

 private:
  Picture picture_;
  std::vector<Runs> runs_;       // of each node
  std::vector<bool> connected_;  // of each port
};

// The wiring owns `threads` workers; no other thread has to wait in it.
std::unique_ptr<Wiring> make_wiring(unsigned threads);

// Of the message itself, which may be a pointer.
template <typename T>
inline constexpr std::size_t size_of = sizeof(T);  // NOLINT(bugprone-sizeof-expression)

template <typename T>
Wiring::Message pack(const T& value) {
  static_assert(std::is_trivially_copyable_v<T> && size_of<T> <= sizeof(Wiring::Message));
  Wiring::Message message;
  std::memcpy(message.bytes.data(), &value, size_of<T>);
  return message;
}

// A node's input, which takes messages of one type.
template <typename T>
class Input {
 public:
  Input() = default;
  explicit Input(Wiring::Number node) : node_(node) {}
  Wiring::Number node() const { return node_; }

 private:
  Wiring::Number node_ = 0;
};

// A port of a node. It has one edge.
template <typename T>
class Output {
 public:
  Output() = default;
  Output(Wiring& wiring, Wiring::Number port) : wiring_(&wiring), port_(port) {}
  void send(const T& value) const { wiring_->send(port_, pack(value)); }
  void hand_on(const T& value) const { wiring_->hand_on(port_, pack(value)); }
  void connect(const Input<T>& to) const { wiring_->add_edge(port_, to.node()); }

 private:
  Wiring* wiring_ = nullptr;
  Wiring::Number port_ = 0;
};

// Adds a node whose messages are of type T.
template <typename T, typename Call>
Input<T> add_node(Wiring& wiring, const std::string& name, const std::string& kind, Wiring::Runs runs,
                  Call body) {
  return Input<T>(wiring.add_node(name, kind, runs, [body = std::move(body)](const Wiring::Message& message) {
    T value;
    std::memcpy(&value, message.bytes.data(), size_of<T>);
    body(value);
  }));
}

// `carries`: the label of the edge in a picture.
template <typename T, typename Any>
Output<T> add_port(Wiring& wiring, const Input<Any>& node, const std::string& carries = {}) {
  return Output<T>(wiring, wiring.add_port(node.node(), carries));
}

}  // namespace pipec::graph
