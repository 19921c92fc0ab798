#include "compiler/pipec/eval_enough.h"

#include <algorithm>
#include <utility>

namespace pipec::cli {

void Enough::watch(graph::Plan& plan) {
  const auto branches = [](const graph::Node& node) { return node.next.size() > 1; };
  if (std::ranges::any_of(plan.nodes, branches)) return;
  for (graph::Node& node : plan.nodes) {
    if (node.kind != graph::Node::Kind::ordered) continue;
    node.make_ordered = [this, make = std::move(node.make_ordered)](const graph::RunServices& run) {
      auto stage = make(run);
      if (stage.ok() && *stage) {
        const std::lock_guard lock(mutex_);
        stages_.push_back(stage->get());
      }
      return stage;
    };
  }
}

bool Enough::reached() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(stages_, [](const auto* stage) { return stage->passes_no_more(); });
}

}  // namespace pipec::cli
