#include "graph/faults.h"

#include "graph/threads.h"

namespace pipec::graph {

using runtime::Error;
using runtime::guarded;
using runtime::Status;

void Faults::fail_batch(InFlightBatch& in_flight, Error error) noexcept {
  in_flight.branches.fail();
  failure_.fail_at(in_flight.sequence, std::move(error));
  end_now_();
}

void Faults::fail_batch(InFlightBatch& in_flight, Error error, std::size_t place) noexcept {
  fail_batch(in_flight, at(std::move(error), place));
}

void Faults::fail_at(Error error, std::size_t place) noexcept {
  failure_.fail_source(at(std::move(error), place));
  end_now_();
}

void Faults::fail_soon(Error error, std::size_t place) noexcept {
  failure_.fail_source(at(std::move(error), place));
  end_soon_();
}

Error Faults::at(Error error, std::size_t place) const noexcept {
  const bool route = place == route_place();
  static_cast<void>(guarded([&] {
    if (error.node.empty()) error.node = name_of(place);
    if (error.place.empty()) {
      error.place = (route ? plan_.dead_letters.place : plan_.nodes[place].place).to_string();
    }
  }));
  return error;
}

// Somewhere in the run, perhaps with locks held: run() does the rest.
void Faults::out_of_resources() noexcept {
  reserve_.release();
  buffers_.trim();
  Status status = guarded([] { throw; });
  failure_.fail_all(status.error().code == "exception" ? thread_error(status.error().message)
                                                       : std::move(status.error()));
  end_soon_();
}

}  // namespace pipec::graph
