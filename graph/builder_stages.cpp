// Puts compiled stages after a stream of a builder.
#include <algorithm>
#include <utility>
#include <vector>

#include "pipec/graph/builder.h"

namespace pipec::graph {

namespace {

using Kind = Node::Kind;

// What compile_stages_text() leaves at both ends, for the builder to replace.
bool is_end(const Node& node) {
  return node.kind == Kind::receive || (node.kind == Kind::sink && !node.make_sink);
}

bool has_two_ends(const Plan& plan) {
  const auto count = [&](Kind kind) {
    return std::count_if(plan.nodes.begin(), plan.nodes.end(),
                         [&](const Node& node) { return node.kind == kind && is_end(node); });
  };
  return count(Kind::receive) == 1 && count(Kind::sink) == 1;
}

}  // namespace

Builder::Stream Builder::Stream::stages(runtime::Result<Plan> compiled) const {
  if (!compiled) {
    if (!builder_->plan_.problem) builder_->plan_.problem = compiled.error();
    return *this;
  }
  const Plan& part = *compiled;
  if (!has_two_ends(part)) {
    builder_->report("stages", "the stages end in a sink, route or drop, so that nothing can follow them");
    return *this;
  }
  // Where each node of the part is now: its beginning is this stream, its end joins what comes out.
  std::vector<std::uint32_t> places;
  std::uint32_t last = node_;
  for (const Node& node : part.nodes) {
    if (node.kind == Kind::receive) {
      places.push_back(node_);
      continue;
    }
    Node copy = node;
    copy.next.clear();
    if (is_end(node)) copy.kind = Kind::merge;
    places.push_back(builder_->add(std::move(copy)));
    if (is_end(node)) last = places.back();
  }
  for (std::size_t i = 0; i < part.nodes.size(); ++i) {
    for (const std::uint32_t next : part.nodes[i].next) {
      builder_->plan_.nodes[places[i]].next.push_back(places[next]);
    }
  }
  return Stream(*builder_, last);
}

}  // namespace pipec::graph
