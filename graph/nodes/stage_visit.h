// One visit of a batch to a stage: sets up the stage's context, and applies its results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "graph/shared.h"
#include "graph/state/scratch_pool.h"
#include "graph/visit_context.h"
#include "graph/work_timer.h"

namespace pipec::graph {

class StageVisit {
 public:
  StageVisit(const Shared& shared, std::uint32_t node, BatchView& view, bool outline_wanted);
  VisitContext& context() { return context_; }

  // Calls the stage's code. False: the batch has failed and holds no records any more.
  template <typename Call>
  bool run(Call&& call) {
    const WorkTimer timer(shared_.leases.clock(), *view_.in_flight, shared_.nodes[node_]);
    return take_over(shared_.faults.foreign(Activity::Call::process, node_, [&]() -> runtime::Status {
      runtime::Status done = call();
      return done ? check() : std::move(done);
    }));
  }
  // Records that the stage has left for another call.
  std::vector<runtime::Record>& rest() { return context_.rest(); }
  std::size_t buffers_before() const { return buffers_before_; }

 private:
  runtime::Status check();
  bool take_over(runtime::Status status);

  const Shared& shared_;
  const std::uint32_t node_;
  BatchView& view_;
  VisitContext context_;
  const std::size_t buffers_before_;
  const std::size_t records_before_;
};

// Checks the reports of a stage or a router. `records`: the number of records passed to it.
runtime::Status check_context(const Shared& shared, VisitContext& context, const InFlightBatch& in_flight,
                              std::uint32_t node, std::size_t records);

}  // namespace pipec::graph
