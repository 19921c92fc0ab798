// Objects that the nodes of one run share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "graph/faults.h"
#include "graph/in_flight.h"
#include "graph/leases.h"
#include "graph/timer.h"
#include "graph/topology.h"
#include "graph/wiring.h"
#include "pipec/graph/pipeline.h"
#include "pipec/graph/plan.h"

namespace pipec::graph {

struct Counters {
  std::atomic<std::uint64_t> records_in{0}, records_out{0}, records_filtered{0}, dead_letters{0}, errors{0},
      bytes_in{0}, bytes_out{0}, batches{0}, commits{0}, ticker_errors{0};

  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.fetch_add(amount, std::memory_order_relaxed);
  }
};

// What one node of the plan has done. On a cache line of its own: workers are in different nodes.
struct alignas(64) NodeCounters {
  std::atomic<std::uint64_t> records_in{0}, records_out{0}, dead_letters{0}, retries{0};
  std::atomic<std::int64_t> worked{0};  // nanoseconds in the node's own code; governed

  void count(std::size_t in, std::size_t out, std::size_t letters) {
    Counters::add(records_in, in);
    Counters::add(records_out, out);
    if (letters != 0) Counters::add(dead_letters, letters);
  }
};

// Used objects are kept for reuse.
struct Pools {
  explicit Pools(std::size_t batches) : buffers(batches) {}
  runtime::BufferPool buffers;  // before all that holds buffers
  Pool<BatchView> views;
  Pool<InFlightBatch> in_flight;
  Pool<Split> splits;
};

// The caller's log: one line at a time. Exceptions from it are ignored.
class Log {
 public:
  explicit Log(const std::function<void(const std::string&)>& write) : write_(write) {}
  void line(const std::string& text) const {
    if (!write_) return;
    const std::lock_guard lock(mutex_);
    if (!over_) static_cast<void>(runtime::guarded([&] { write_(text); }));
  }
  // Waits for the line that is being written; nothing is written from now on.
  void stop() {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }

 private:
  const std::function<void(const std::string&)>& write_;
  mutable std::mutex mutex_;
  bool over_ = false;
};

struct Shared {
  const Plan& plan;
  const Topology& topology;
  const RunOptions& options;
  unsigned threads;
  Faults& faults;
  Pools& pools;
  Leases& leases;
  Counters& counters;
  std::span<NodeCounters> nodes;  // by place (Faults)
  Timer& timer;
  Log& log;

  BatchView* new_view(InFlightBatch& in_flight) const {
    BatchView* view = nullptr;
    faults.must([&] { view = pools.views.get(); });
    view->in_flight = &in_flight;
    return view;
  }
  // A view that a branch has done with.
  void recycle(BatchView* view) const {
    if (view->outlined != 0) leases.note_freed(*view->in_flight, std::exchange(view->outlined, 0));
    view->batch.release();
    view->prepared.reset();
    view->in_flight = nullptr;
    view->split = nullptr;
    view->only_snapshot = false;
    view->ordinal = 0;
    pools.views.put(view);
  }
  // On a worker, after a while. Without the memory for it, the run fails and it happens all the same.
  template <typename T>
  void hand_on_after(std::chrono::milliseconds delay, const Output<T>& out, T message) const {
    faults.must([&] {
      timer.after(delay, [out, message, &faults = faults] { faults.must([&] { out.hand_on(message); }); });
    });
  }
};

// The way of a view from one node of the plan to the next.
struct Way {
  Output<BatchView*> out;
  std::uint32_t ordinal = 0;  // among the edges into the next node
  bool outline = false;       // the next node uses the batch's outline

  void send(const Shared& shared, BatchView* view) const {
    view->ordinal = ordinal;
    if (!outline) shared.leases.drop_outline(*view);
    shared.faults.must([&] { out.send(view); });
  }
};

}  // namespace pipec::graph
