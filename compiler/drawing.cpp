#include "compiler/drawing.h"

#include <string_view>

namespace pipec::compiler {

namespace {

using Shape = Drawing::Shape;

std::string_view dot_shape(Shape shape) {
  switch (shape) {
    case Shape::cylinder:
      return "cylinder";
    case Shape::diamond:
      return "diamond";
    case Shape::triangle:
      return "invtriangle";
    case Shape::point:
      return "point";
    case Shape::box:
      break;
  }
  return "box";
}

std::string dot_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

std::string mermaid_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "#quot;";
        break;
      case '#':
        out += "#35;";
        break;
      case '&':
        out += "#amp;";
        break;
      case '<':
        out += "#lt;";
        break;
      case '>':
        out += "#gt;";
        break;
      case '`':
        out += "#96;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        break;
    }
  }
  return out;
}

std::string dot_attributes(const Drawing::Edge& edge) {
  std::string all;
  if (!edge.label.empty()) all = "label=\"" + dot_text(edge.label) + "\"";
  if (edge.dashed) all += (all.empty() ? "" : ", ") + std::string("style=dashed");
  return all.empty() ? all : " [" + all + "]";
}

}  // namespace

std::string dot_of(const Drawing& drawing) {
  std::string out = "digraph \"" + dot_text(drawing.name) +
                    "\" {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n"
                    "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  for (const Drawing::Node& node : drawing.nodes) {
    out += "  " + node.id + " [shape=" + std::string(dot_shape(node.shape));
    if (node.dashed) out += ", style=dashed";
    out += ", label=\"" + dot_text(node.label);
    if (!node.second_line.empty()) out += "\\n" + dot_text(node.second_line);
    out += "\"];\n";
  }
  for (const Drawing::Edge& edge : drawing.edges) {
    out += "  " + edge.from + " -> " + edge.to + dot_attributes(edge) + ";\n";
  }
  return out + "}\n";
}

std::string mermaid_of(const Drawing& drawing) {
  std::string out = "flowchart LR\n";
  for (const Drawing::Node& node : drawing.nodes) {
    std::string_view open = "[\"", close = "\"]";
    if (node.shape == Shape::cylinder) {
      open = "[(\"";
      close = "\")]";
    } else if (node.shape == Shape::diamond) {
      open = "{\"";
      close = "\"}";
    }
    out += "  " + node.id + std::string(open) + mermaid_text(node.label);
    if (!node.second_line.empty()) out += "<br/>" + mermaid_text(node.second_line);
    out += std::string(close) + "\n";
  }
  for (const Drawing::Edge& edge : drawing.edges) {
    const std::string arrow = edge.dashed ? " -.->" : " -->";
    const std::string label = edge.label.empty() ? "" : "|\"" + mermaid_text(edge.label) + "\"|";
    out.append("  ").append(edge.from).append(arrow).append(label).append(" ").append(edge.to).append("\n");
  }
  return out;
}

}  // namespace pipec::compiler
