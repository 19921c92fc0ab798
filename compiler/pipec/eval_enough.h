// Whether an evaluation may stop reading: a stage that all records come to passes no more of them (`head`).
#pragma once

#include <mutex>
#include <vector>

#include "pipec/graph/plan.h"

namespace pipec::cli {

class Enough {
 public:
  // The plan's run must not outlive this. A plan with branches is not watched: a record may take another one.
  void watch(graph::Plan& plan);
  // While the plan runs; any thread.
  bool reached() const;

 private:
  mutable std::mutex mutex_;
  std::vector<const runtime::OrderedStage*> stages_;
};

}  // namespace pipec::cli
