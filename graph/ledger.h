// The accounts of a run: which batches are in flight, up to where they may be committed, and the committed
// positions. The logic is in CommitBarrier; this class adds its lock, and names and counts for the outcome.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/in_flight.h"
#include "graph/state/commit_barrier.h"

namespace pipec::graph {

// How a commit ended.
enum class CommitEnd : std::uint8_t {
  done,
  rewound,  // transactional: nothing was committed, and the receiver delivers it again
  refused,
};

// To the barrier: a batch, or how the commit ended that was out.
struct BarrierCall {
  InFlightBatch* settled = nullptr;
  Commit* commit = nullptr;
  CommitEnd end = CommitEnd::done;
};

class Ledger {
 public:
  // Called in the total order: the caller holds the lock that defines it. If it runs out of memory, it throws
  // without side effects.
  void admit(const InFlightBatch& in_flight, bool ends_transaction);
  // The batch is done or has finally failed. `out_of_memory` is called in the exception handler.
  void settle(InFlightBatch& in_flight, bool done, const std::function<void()>& out_of_memory);
  // Closes a batch's accounts. True: nothing is in flight any more, and a thread waits for that.
  bool leave();

  // The positions that can be committed now; one commit at a time.
  std::optional<Commit> take();
  void end(const Commit& commit, CommitEnd how);

  // Transactional: waits until the pending commit point has been committed; polls `ending`.
  void wait_transaction_ended(const std::function<bool()>& ending);

  // Batches that have left since the beginning.
  std::uint64_t finished() const { return finished_.load(std::memory_order_relaxed); }
  std::uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  // From now on leave() reports the last one. True: there is none.
  bool drain();
  bool drained() const { return in_flight_.load() == 0; }

  // The committed position of a source's partition, by name.
  struct Committed {
    std::uint32_t source = 0;
    std::uint32_t partition = 0;
    std::uint64_t end = 0;
    std::string name;
    bool bytes = false;
  };
  std::vector<Committed> committed() const;

 private:
  using Partition = std::pair<std::uint32_t, std::uint32_t>;  // source, partition
  struct PositionName {
    std::string name;
    bool bytes = false;
  };
  void note_names(std::uint32_t source, const runtime::Block& block);

  mutable std::mutex mutex_;
  CommitBarrier barrier_;
  bool transaction_open_ = false;  // a commit point was sent and is not yet committed
  std::condition_variable transaction_ended_;
  std::map<Partition, PositionName> names_;
  std::map<Partition, runtime::PositionRange> committed_;
  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<std::uint64_t> finished_{0};
  std::atomic<bool> draining_{false};  // a thread waits for the last batch
};

}  // namespace pipec::graph
