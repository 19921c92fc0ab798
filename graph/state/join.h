// Parts of one batch that came along several branches become one batch again, in source order.
#pragma once

#include <span>

#include "graph/in_flight.h"

namespace pipec::graph {

// parts: at least one, all views of one block, sorted by the edge they came along. The records are merged by
// their origin, stable by part; parts[0] holds the result, the others are left without records.
void join_parts(std::span<BatchView* const> parts);

}  // namespace pipec::graph
