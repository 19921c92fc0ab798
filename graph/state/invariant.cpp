#include "graph/state/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace pipec::graph {

void invariant_broken(const char* what) {
  std::fprintf(stderr, "pipec: internal error: %s\n", what);
  std::abort();
}

}  // namespace pipec::graph
