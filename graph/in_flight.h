// The messages of the graph. An InFlightBatch is one admitted batch as a whole: its place in the total order,
// its block, its lease, its dead letters, and how many branches still have to report. A BatchView is one
// branch's view of it. Both are pooled and travel as owning raw pointers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "graph/state/countdown.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/ordered_stage.h"
#include "pipec/runtime/stage.h"

namespace pipec::graph {

struct InFlightBatch;
struct BatchView;

// A batch whose output grew so large that a stage stopped in the middle. The records done so far continue as
// a part. When that part has reached all its ends, the stage resumes with the rest.
struct Split {
  BatchView* rest = nullptr;           // records that the stage has not processed
  std::uint32_t node = 0;              // the stage
  std::size_t made = 0;                // bytes that it wrote for the part
  Split* outer = nullptr;              // the whole is itself a part of a batch that was split further up
  std::atomic<std::uint32_t> ends{0};  // that the part has not reached yet
};

struct BatchView {
  runtime::Batch batch;
  InFlightBatch* in_flight = nullptr;
  std::uint32_t ordinal = 0;   // of the edge it arrived on
  Split* split = nullptr;      // set: more of this batch follows
  bool only_snapshot = false;  // for a serial place that the batch does not reach, at a commit point
  std::size_t outlined = 0;    // bytes of the batch's outline that are counted as the in-flight batch's
  std::unique_ptr<runtime::Prepared> prepared;  // for an ordered stage's apply()
};

struct RoutedLetter {
  runtime::DeadLetter letter;
  std::uint32_t node = 0;
};

struct InFlightBatch {
  std::uint64_t sequence = 0;
  std::uint32_t feed = 0;  // where it begins: index of Topology::feeds
  bool bare = false;       // a mere commit point: no block, no lease, one empty view for each serial place
  bool commit_point = false;
  enum class Call : std::uint8_t { apply, finish, on_time };
  Call call = Call::apply;  // of the ordered stage where it begins
  bool ends_split = false;  // the last part of a receive that was more than the budget
  std::size_t bytes = 0;    // of its records as received
  std::size_t lease = 0;    // bytes held in the limiter; under the mutex once the batch was sent
  std::size_t made = 0;     // bytes of stages' output for it, under the mutex
  std::chrono::steady_clock::time_point received;  // governed
  std::atomic<std::int64_t> worked{0};             // governed: nanoseconds in stages and sinks
  std::shared_ptr<runtime::Block> block;
  std::vector<std::uint64_t> numbers;  // per serial place: the batch's place in its order
  Countdown branches;
  BatchView* held = nullptr;  // commit sink: written after the dead letters are out

  std::mutex mutex;  // guards the rest, while several branches are active
  std::vector<RoutedLetter> letters;
  runtime::StateEntries entries;
  struct Join {
    std::uint32_t node;
    std::vector<BatchView*> parts;
  };
  std::vector<Join> joins;
};

// Keeps used objects for reuse. T is default-constructed once and reset by its user.
template <typename T>
class Pool {
 public:
  T* get() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        T* found = free_.back();
        free_.pop_back();
        return found;
      }
    }
    auto made = std::make_unique<T>();
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(made));
    free_.reserve(all_.size());  // so that put() never allocates
    return all_.back().get();
  }
  void put(T* item) {
    const std::lock_guard lock(mutex_);
    free_.push_back(item);
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> all_;
  std::vector<T*> free_;
};

}  // namespace pipec::graph
