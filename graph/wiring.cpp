#include "graph/wiring.h"

#include <string_view>

#include "graph/state/invariant.h"

namespace pipec::graph {

namespace {

std::string_view text_of(Wiring::Runs runs) {
  switch (runs) {
    case Wiring::Runs::parallel:
      return "parallel";
    case Wiring::Runs::serial:
      return "serial";
    case Wiring::Runs::at_once:
      return "at once";
    case Wiring::Runs::own_thread:
      break;
  }
  return "own thread";
}

}  // namespace

Wiring::Number Wiring::add_node(std::string name, std::string kind, Runs runs, Body body) {
  make_node(runs, std::move(body));
  picture_.nodes.push_back({std::move(name), std::move(kind), std::string(text_of(runs))});
  runs_.push_back(runs);
  return static_cast<Number>(runs_.size() - 1);
}

Wiring::Number Wiring::add_port(Number node, std::string carries) {
  make_port(node, runs_[node]);
  // Its edge's other end is not known yet.
  picture_.edges.push_back({node, node, std::move(carries)});
  connected_.push_back(false);
  return static_cast<Number>(connected_.size() - 1);
}

void Wiring::add_edge(Number port, Number node) {
  invariant(!connected_[port], "a port has one edge");
  connected_[port] = true;
  make_edge(port, node, runs_[node]);
  picture_.edges[port].to = node;
}

}  // namespace pipec::graph
