// Watches memory for one pipeline and decides how much may be in flight and whether its sources may continue.
// Combines pressure, hysteresis and budget; the limit is shared with the other pipelines of a SharedGovernor.
// A state machine without threads: the engine calls tick() about twenty times a second, from one thread, and
// applies the result. docs/governor.md describes the control law.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pipec/runtime/error.h"
#include "pipec/runtime/govern.h"
#include "pipec/runtime/shared_governor.h"

namespace pipec::runtime {

class Governor {
 public:
  // The engine's observations since the last tick.
  struct Seen {
    double now = 0;               // seconds, from anywhere
    std::size_t tracked = 0;      // bytes in buffers and in the connectors' queues
    std::size_t queued = 0;       // of them, those in the receivers' queues
    std::size_t in_flight = 0;    // batches that are not settled
    std::uint64_t batches = 0;    // that were settled
    std::uint64_t bytes = 0;      // of them
    double residence = 0;         // seconds from receive to settled, summed
    double service = 0;           // of that, seconds in which a stage or a sink was at work, summed
    bool waited = false;          // a source had to wait for credit, in bytes or batches
    bool bound = false;           // ... and it was the budget that had none
    std::size_t used = 0;         // bytes of the budget that are taken
    std::size_t working_set = 0;  // bytes that keep all workers busy
  };
  struct Decision {
    std::size_t budget = 0;
    std::size_t records = 0;  // of one receive, at most; 0: any number
    bool held = false;        // the sources must be paused
    bool edge = false;        // `held` is new
    bool drain = false;       // held, but sources with their own queue may empty it, one batch at a time
    std::string reason = {};  // of the edge
  };

  // `most`: never more bytes in flight than this.
  Governor(GovernSettings settings, std::size_t most, std::shared_ptr<SharedGovernor> shared,
           SharedGovernor::Shape shape = {});
  // Does not share its limit. `root`: the directory that contains /proc and /sys.
  Governor(GovernSettings settings, std::size_t most, const std::string& root = "");
  ~Governor();
  Governor(const Governor&) = delete;
  Governor& operator=(const Governor&) = delete;

  // `release` is called in tick(), before memory is returned to the system: it should drop everything kept
  // for reuse.
  void keep_release(std::function<void()> release);
  // Fails if the limit is too low: the process alone uses more memory than the level at which sources may
  // resume.
  Status start();
  Decision tick(const Seen& seen);
  // Bytes in flight at the beginning, and records of a receive.
  Decision initial();
  // The pipeline has ended: its share is free for the others.
  void leave();

  // True if `tracked` bytes in this pipeline bring the total to the level that pauses the sources. Limits
  // what they read between two ticks.
  bool too_much(std::size_t tracked) const;
  // The limit with its headroom taken off; 0: none is known.
  std::size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  // Sums over all pipelines, by which the limit is divided.
  SharedGovernor::Shape shape() const;
  double level() const;
  const std::vector<PressureReading>& readings() const;

 private:
  struct Parts;
  void divide();
  double look(const Seen& seen, bool fresh);
  double level_of_others() const;
  void give_back();
  void end_hold(const Seen& seen, double level);

  std::unique_ptr<Parts> parts_;
  std::atomic<std::size_t> limit_{0};
  std::atomic<std::size_t> pause_at_{0};
  std::atomic<std::size_t> others_{0};  // bytes that the other pipelines track
};

}  // namespace pipec::runtime
