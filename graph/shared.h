// What the nodes of one run share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "graph/faults.h"
#include "graph/leases.h"
#include "graph/parcel.h"
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

// What was used is kept for the next time.
struct Pools {
  explicit Pools(std::size_t batches) : buffers(batches) {}
  runtime::BufferPool buffers;  // before all that holds buffers
  Pool<Parcel> parcels;
  Pool<Delivery> deliveries;
  Pool<Split> splits;
};

// The caller's log: one line at a time. One that throws says nothing.
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
  Timer& timer;
  Log& log;

  Parcel* new_parcel(Delivery& delivery) const {
    Parcel* parcel = nullptr;
    faults.must([&] { parcel = pools.parcels.get(); });
    parcel->delivery = &delivery;
    return parcel;
  }
  // A parcel that a branch has done with.
  void recycle(Parcel* parcel) const {
    if (parcel->outlined != 0) leases.note_freed(*parcel->delivery, std::exchange(parcel->outlined, 0));
    parcel->batch.release();
    parcel->prepared.reset();
    parcel->delivery = nullptr;
    parcel->split = nullptr;
    parcel->only_snapshot = false;
    parcel->ordinal = 0;
    pools.parcels.put(parcel);
  }
  // On a worker, after a while. Without the memory for it, the run fails and it happens all the same.
  template <typename T>
  void hand_on_after(std::chrono::milliseconds delay, const Output<T>& out, T message) const {
    faults.must([&] {
      timer.after(delay, [out, message, &faults = faults] { faults.must([&] { out.hand_on(message); }); });
    });
  }
};

// The way of a parcel from one node of the plan to the next.
struct Way {
  Output<Parcel*> out;
  std::uint32_t ordinal = 0;  // among the edges into the next node
  bool outline = false;       // the next node makes use of the batch's outline

  void send(const Shared& shared, Parcel* parcel) const {
    parcel->ordinal = ordinal;
    if (!outline) shared.leases.drop_outline(*parcel);
    shared.faults.must([&] { out.send(parcel); });
  }
};

}  // namespace pipec::graph
