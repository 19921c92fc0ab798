// The plan as a picture: Graphviz and Mermaid. Node names are numbers, so that no text of the pipeline can
// break out of its label.
#include <string>

#include "pipec/compiler/compile.h"

namespace pipec::compiler {

namespace {

const char* shape(graph::Node::Kind kind) {
  switch (kind) {
    case graph::Node::Kind::receive:
    case graph::Node::Kind::sink:
      return "cylinder";
    case graph::Node::Kind::route:
      return "diamond";
    case graph::Node::Kind::merge:
      return "invtriangle";
    case graph::Node::Kind::drop:
      return "point";
    case graph::Node::Kind::stage:
    case graph::Node::Kind::ordered:
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

std::string arm_of(const graph::Node& node, std::size_t edge) {
  const bool route = node.kind == graph::Node::Kind::route && node.arms.size() == node.next.size();
  return route ? node.arms[edge] : std::string();
}

bool has_dead_letter_sink(const graph::Plan& plan) {
  return plan.dead_letters.kind == graph::DeadLetterPolicy::Kind::sink;
}

}  // namespace

std::string to_dot(const graph::Plan& plan) {
  std::string out = "digraph \"" + dot_text(plan.name) +
                    "\" {\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n"
                    "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const graph::Node& node = plan.nodes[i];
    out += "  n" + std::to_string(i + 1) + " [shape=" + shape(node.kind) + ", label=\"" + dot_text(node.name);
    if (!node.detail.empty()) out += "\\n" + dot_text(node.detail);
    out += "\"];\n";
  }
  if (has_dead_letter_sink(plan)) {
    out += "  dlq [shape=cylinder, style=dashed, label=\"" + dot_text(plan.dead_letters.name);
    if (!plan.dead_letters.detail.empty()) out += "\\n" + dot_text(plan.dead_letters.detail);
    out += "\"];\n";
  }
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const graph::Node& node = plan.nodes[i];
    for (std::size_t edge = 0; edge < node.next.size(); ++edge) {
      out += "  n" + std::to_string(i + 1) + " -> n" + std::to_string(node.next[edge] + 1);
      const std::string arm = arm_of(node, edge);
      if (!arm.empty()) out += " [label=\"" + dot_text(arm) + "\"]";
      out += ";\n";
    }
    if (node.can_dead_letter && has_dead_letter_sink(plan)) {
      out += "  n" + std::to_string(i + 1) + " -> dlq [style=dashed];\n";
    }
  }
  return out + "}\n";
}

std::string to_mermaid(const graph::Plan& plan) {
  std::string out = "flowchart LR\n";
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const graph::Node& node = plan.nodes[i];
    const char* open = "[\"";
    const char* close = "\"]";
    if (node.kind == graph::Node::Kind::receive || node.kind == graph::Node::Kind::sink) {
      open = "[(\"";
      close = "\")]";
    } else if (node.kind == graph::Node::Kind::route) {
      open = "{\"";
      close = "\"}";
    }
    out += "  n" + std::to_string(i + 1) + open + mermaid_text(node.name);
    if (!node.detail.empty()) out += "<br/>" + mermaid_text(node.detail);
    out += close;
    out += "\n";
  }
  if (has_dead_letter_sink(plan)) {
    out += "  dlq[(\"" + mermaid_text(plan.dead_letters.name);
    if (!plan.dead_letters.detail.empty()) out += "<br/>" + mermaid_text(plan.dead_letters.detail);
    out += "\")]\n";
  }
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const graph::Node& node = plan.nodes[i];
    for (std::size_t edge = 0; edge < node.next.size(); ++edge) {
      const std::string arm = arm_of(node, edge);
      out += "  n" + std::to_string(i + 1) +
             (arm.empty() ? " --> " : " -->|\"" + mermaid_text(arm) + "\"| ") + "n" +
             std::to_string(node.next[edge] + 1) + "\n";
    }
    if (node.can_dead_letter && has_dead_letter_sink(plan))
      out += "  n" + std::to_string(i + 1) + " -.-> dlq\n";
  }
  return out;
}

}  // namespace pipec::compiler
