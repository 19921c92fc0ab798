// Writes batches to one sink. A sink may finish a batch later than write() returns.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/shared.h"
#include "graph/state/retry.h"
#include "pipec/runtime/connector.h"

namespace pipec::graph {

class DeferredWrite;

// A batch that its sink has finished after write().
struct Completed {
  BatchView* view = nullptr;
  DeferredWrite* write = nullptr;  // null: the sink dropped the batch without reporting an outcome
};

class SinkWriter {
 public:
  // `sink` is set when the run opens.
  SinkWriter(const Shared& shared, std::uint32_t node, const std::unique_ptr<runtime::Sink>& sink)
      : shared_(shared), node_(node), sink_(sink), backoff_(shared.options.retry) {}

  // Returns null if done, finally failed, or `deferred`; else the time after which to retry. `completed`
  // receives a batch that the sink finishes later; null: the sink has to finish in write().
  std::optional<std::chrono::milliseconds> write(BatchView& view, const Output<Completed>* completed,
                                                 std::shared_ptr<DeferredWrite>* deferred);
  void take_snapshot(InFlightBatch& in_flight);

 private:
  const Shared& shared_;
  const std::uint32_t node_;
  const std::unique_ptr<runtime::Sink>& sink_;
  Backoff backoff_;
};

// Waits for two: write() has returned, and the sink has completed the batch. The later one sends it on.
class DeferredWrite final : public runtime::Completion, public std::enable_shared_from_this<DeferredWrite> {
 public:
  DeferredWrite(const Shared& shared, std::uint32_t node, BatchView* view, const Output<Completed>& completed)
      : shared_(shared), node_(node), view_(view), completed_out_(completed) {}
  ~DeferredWrite() override;

  void dead_letter(std::uint32_t origin, std::string reason) override {
    letters_.push_back({origin, std::move(reason)});
  }
  void done(runtime::Status status) override;
  // write() has returned. True: the sink has completed the batch before.
  bool written();
  // On a worker, after both: the sink's dead letters become the batch's.
  void finish();

 private:
  struct Letter {
    std::uint32_t origin;
    std::string reason;
  };
  // True for the second of the two.
  bool passed() { return passed_.fetch_add(1, std::memory_order_acq_rel) == 1; }

  const Shared& shared_;  // in flight: the run waits for it
  const std::uint32_t node_;
  BatchView* const view_;
  const Output<Completed> completed_out_;
  std::vector<Letter> letters_;
  std::shared_ptr<DeferredWrite> itself_;  // until finish()
  std::atomic<bool> completed_{false};
  std::atomic<bool> written_{false};
  std::atomic<int> passed_{0};
};

}  // namespace pipec::graph
