// The workers: a TBB flow graph in an arena of its own, behind an interface that shows none of TBB.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace pipec::graph {

struct Parcel;

// Nodes run without limit to their concurrency and put what they have done to their successors themselves,
// from inside their bodies (TBB hands on a node's return value only after it freed the node, so that order
// could be lost there). Bodies must not throw: TBB would drop what is queued.
class Flow {
 public:
  using Body = std::function<void(Parcel*)>;

  // `threads` workers, all the arena's: nobody else has to wait in it.
  static std::unique_ptr<Flow> make(unsigned threads);
  // Waits until all is quiet.
  virtual ~Flow() = default;

  // Before the first put. The node's number: 0, 1, ...
  virtual std::uint32_t add(Body body) = 0;
  // From a worker, inside a body.
  virtual void put(std::uint32_t node, Parcel* parcel) = 0;
  // From any other thread: the same.
  virtual void submit(std::uint32_t node, Parcel* parcel) = 0;
  // From any thread: a worker runs it.
  virtual void post(std::function<void()> task) = 0;
  // Until nothing is queued or running. Nobody submits or posts any more.
  virtual void wait() = 0;
};

}  // namespace pipec::graph
