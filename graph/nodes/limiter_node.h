// The limiter: released bytes come back as credit, sources send requests and receive permits. It runs in the
// sending thread, so a source that asks while credit is available never waits for a worker.
#pragma once

#include <string>
#include <vector>

#include "graph/shared.h"
#include "graph/state/limiter.h"

namespace pipec::graph {

class LimiterNode {
 public:
  LimiterNode(Wiring& wiring, Limiter& limiter, std::size_t sources)
      : in(add_node<LimiterCall>(wiring, "limiter", "limiter", Wiring::Runs::at_once,
                                 [&limiter](const LimiterCall& call) { limiter.take(call); })) {
    for (std::size_t i = 0; i < sources; ++i) permits.push_back(add_port<Permit>(wiring, in, "permit"));
    limiter.on_grant([this](const Permit& permit) { permits[permit.source].send(permit); });
  }
  Input<LimiterCall> in;
  std::vector<Output<Permit>> permits;  // of each source
};

}  // namespace pipec::graph
