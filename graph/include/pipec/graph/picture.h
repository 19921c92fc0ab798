// The graph of a pipeline as it was built: every node that runs and every edge between them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pipec::graph {

struct Picture {
  struct Node {
    std::string name = {};  // "filter", "sink file"; of the plan where the plan has it
    std::string kind = {};  // "stage", "sink", "commit barrier"
    std::string runs = {};  // "parallel", "serial", "at once", "own thread"
  };
  struct Edge {
    std::uint32_t from = 0;  // index of the node
    std::uint32_t to = 0;
    std::string carries = {};  // "permit", "credit"; empty: batches
  };
  std::vector<Node> nodes = {};  // in the order in which they were made
  std::vector<Edge> edges = {};
};

}  // namespace pipec::graph
