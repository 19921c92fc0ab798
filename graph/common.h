// Owns the objects that the parts of one run share. The order of the members is their construction order.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/faults.h"
#include "graph/leases.h"
#include "graph/leash.h"
#include "graph/shared.h"
#include "graph/state/limiter.h"
#include "graph/timer.h"
#include "graph/topology.h"
#include "pipec/graph/pipeline.h"
#include "pipec/graph/plan.h"

namespace pipec::graph {

struct Common {
  Common(Plan plan, Topology topology, RunOptions options);

  const runtime::GovernSettings& govern() const { return options.govern ? *options.govern : plan.govern; }

  const Plan plan;
  const Topology topology;
  BorrowedClock clock;
  const RunOptions options;  // its clock is `clock`
  const unsigned threads;
  Pools pools;
  Faults faults;
  Counters counters;
  std::vector<NodeCounters> nodes;
  Timer timer;
  Log log;
  Limiter limiter;
  Leases leases;
  const Shared shared;
};

}  // namespace pipec::graph
