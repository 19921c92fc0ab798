// A picture as data, and as text for Graphviz and Mermaid. Node names are numbers, so that no text of the
// pipeline can break out of its label.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pipec::compiler {

struct Drawing {
  enum class Shape { box, cylinder, diamond, triangle, point };
  struct Node {
    std::string id;
    std::string label;
    std::string second_line;
    Shape shape = Shape::box;
    bool dashed = false;
  };
  struct Edge {
    std::string from, to;
    std::string label;
    bool dashed = false;
  };
  std::string name;
  std::vector<Node> nodes;
  std::vector<Edge> edges;
};

std::string dot_of(const Drawing& drawing);
std::string mermaid_of(const Drawing& drawing);

}  // namespace pipec::compiler
