// Joins the parts of one batch that arrive on several branches into one batch, in source order.
#pragma once

#include <span>

#include "graph/in_flight.h"

namespace pipec::graph {

// parts: at least one, all views of one block, sorted by the edge they arrived on. The records are merged by
// their origin, stable by part; parts[0] holds the result, the others are left without records.
void join_parts(std::span<BatchView* const> parts);

}  // namespace pipec::graph
