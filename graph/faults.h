// Error handling of a run: errors get their place, batches fail, the first error ends the run, and calls of
// foreign code are guarded and watched.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "graph/in_flight.h"
#include "graph/insist.h"
#include "graph/state/activity.h"
#include "graph/state/failure.h"
#include "pipec/graph/plan.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/guarded.h"

namespace pipec::graph {

// A place is a node's number in the plan, or route_place(): the dead letter route.
class Faults {
 public:
  Faults(const Plan& plan, runtime::BufferPool& buffers)
      : plan_(plan), buffers_(buffers), activity_(plan.nodes.size() + 1) {}

  // Sets the actions that end the run on an error: `now` is called from a thread that holds no lock, `soon`
  // from anywhere.
  void on_error(std::function<void()> now, std::function<void()> soon) {
    end_now_ = std::move(now);
    end_soon_ = std::move(soon);
  }

  // Neither the batch nor any later one is written or committed.
  void fail_batch(InFlightBatch& in_flight, runtime::Error error) noexcept;
  void fail_batch(InFlightBatch& in_flight, runtime::Error error, std::size_t place) noexcept;
  // Not tied to a batch: records already received are still processed.
  void fail_at(runtime::Error error, std::size_t place) noexcept;
  // The same from a thread that holds locks.
  void fail_soon(runtime::Error error, std::size_t place) noexcept;
  void fail_source(runtime::Error error) { failure_.fail_source(std::move(error)); }
  // Whatever happens to the batches in flight, none is committed any more.
  void fail_all(runtime::Error error) { failure_.fail_all(std::move(error)); }
  // The sources stop, and batches in flight are drained.
  void end() const { end_now_(); }

  bool any() const { return failure_.any(); }
  // stop() was called.
  void stop() { stopping_.store(true, std::memory_order_release); }
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  bool ending() const { return stopping() || failure_.any(); }
  bool alive(const InFlightBatch& in_flight) const {
    return !in_flight.branches.failed() && failure_.before_failure(in_flight.sequence);
  }
  const Failure& first() const { return failure_; }

  // Adds the node's name and its place in the text to an error that has none.
  runtime::Error at(runtime::Error error, std::size_t place) const noexcept;
  std::size_t route_place() const { return plan_.nodes.size(); }
  const std::string& name_of(std::size_t place) const {
    return place == route_place() ? plan_.dead_letters.name : plan_.nodes[place].name;
  }

  // A call into foreign code: an exception becomes an error, and a deadline error can name the call.
  template <typename Call>
  auto foreign(Activity::Call what, std::size_t place, Call&& call) {
    const Activity::Mark mark(activity_, what, place);
    return runtime::guarded(std::forward<Call>(call));
  }
  // The foreign calls that have not returned: "write() of sink out"; empty: none.
  std::string running() const {
    return activity_.list([&](std::size_t place) -> std::string_view { return name_of(place); });
  }

  // A step without which a batch would be lost.
  template <typename Call>
  void must(Call&& call) noexcept {
    insist(std::forward<Call>(call), [this] { out_of_resources(); });
  }
  // In a handler. The run has failed.
  void out_of_resources() noexcept;

  // Set once run() has given up: the caller's objects must not be used any more.
  void abandon() { abandoned_.store(true); }
  bool abandoned() const { return abandoned_.load(); }

 private:
  const Plan& plan_;
  runtime::BufferPool& buffers_;
  Failure failure_;
  Reserve reserve_{std::size_t{512} << 10};
  Activity activity_;
  std::function<void()> end_now_;
  std::function<void()> end_soon_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> abandoned_{false};
};

}  // namespace pipec::graph
