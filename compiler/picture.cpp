// The plan as a picture, and the graph that runs as one.
#include <algorithm>
#include <string>
#include <string_view>

#include "compiler/drawing.h"
#include "pipec/compiler/compile.h"

namespace pipec::compiler {

namespace {

using Kind = graph::Node::Kind;
using Shape = Drawing::Shape;

Shape shape_of(Kind kind) {
  switch (kind) {
    case Kind::receive:
    case Kind::sink:
      return Shape::cylinder;
    case Kind::route:
      return Shape::diamond;
    case Kind::merge:
      return Shape::triangle;
    case Kind::drop:
      return Shape::point;
    case Kind::stage:
    case Kind::ordered:
      break;
  }
  return Shape::box;
}

std::string arm_of(const graph::Node& node, std::size_t edge) {
  const bool route = node.kind == Kind::route && node.arms.size() == node.next.size();
  return route ? node.arms[edge] : std::string();
}

std::string id_of(std::size_t node) {
  return "n" + std::to_string(node + 1);
}

Drawing drawing_of(const graph::Plan& plan) {
  const bool has_route = plan.dead_letters.kind == graph::DeadLetterPolicy::Kind::sink;
  Drawing drawing;
  drawing.name = plan.name;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const graph::Node& node = plan.nodes[i];
    drawing.nodes.push_back({id_of(i), node.name, node.detail, shape_of(node.kind), false});
    for (std::size_t edge = 0; edge < node.next.size(); ++edge) {
      drawing.edges.push_back({id_of(i), id_of(node.next[edge]), arm_of(node, edge), false});
    }
    if (node.can_dead_letter && has_route) drawing.edges.push_back({id_of(i), "dlq", "", true});
  }
  if (has_route) {
    drawing.nodes.push_back({"dlq", plan.dead_letters.name, plan.dead_letters.detail, Shape::cylinder, true});
  }
  return drawing;
}

bool is_data(const graph::Picture::Edge& edge) {
  return edge.carries.empty() || edge.carries == "batch" || edge.carries == "done" ||
         edge.carries == "settled";
}

// The kind is shown below the name, unless the name includes it.
Drawing drawing_of(const graph::Picture& picture, const std::string& name) {
  Drawing drawing;
  drawing.name = name;
  for (std::size_t i = 0; i < picture.nodes.size(); ++i) {
    const graph::Picture::Node& node = picture.nodes[i];
    std::string second = node.runs;
    if (node.name != node.kind) second.insert(0, node.kind + ", ");
    const bool end = node.kind == "recv" || node.kind == "sink";
    const Shape shape = end ? Shape::cylinder : node.kind == "route" ? Shape::diamond : Shape::box;
    drawing.nodes.push_back({id_of(i), node.name, second, shape, false});
  }
  for (const graph::Picture::Edge& edge : picture.edges) {
    drawing.edges.push_back({id_of(edge.from), id_of(edge.to), edge.carries, !is_data(edge)});
  }
  return drawing;
}

}  // namespace

std::string to_dot(const graph::Plan& plan) {
  return dot_of(drawing_of(plan));
}

std::string to_mermaid(const graph::Plan& plan) {
  return mermaid_of(drawing_of(plan));
}

std::string to_dot(const graph::Picture& picture, const std::string& name) {
  return dot_of(drawing_of(picture, name));
}

std::string to_mermaid(const graph::Picture& picture, const std::string& name) {
  return mermaid_of(drawing_of(picture, name));
}

std::string explain(const graph::Picture& picture, const std::string& name) {
  std::string out = "graph of " + name + "\n\n";
  for (std::size_t i = 0; i < picture.nodes.size(); ++i) {
    const graph::Picture::Node& node = picture.nodes[i];
    std::string line = "  " + std::to_string(i + 1);
    line.resize(std::max<std::size_t>(line.size() + 1, 6), ' ');
    line += node.name;
    if (node.name != node.kind) line += "  (" + node.kind + ")";
    out += line + "  runs " + (node.runs == "own thread" ? "on its own thread" : node.runs) + "\n";
    for (const graph::Picture::Edge& edge : picture.edges) {
      if (edge.from != i) continue;
      out += "      -> " + std::to_string(edge.to + 1) + " " + picture.nodes[edge.to].name;
      if (picture.nodes[edge.to].name != picture.nodes[edge.to].kind) {
        out += " (" + picture.nodes[edge.to].kind + ")";
      }
      if (!edge.carries.empty()) out += ": " + edge.carries;
      out += "\n";
    }
  }
  return out;
}

}  // namespace pipec::compiler
