// Watches memory and decides how much may be in flight and whether the sources may go on: memory guard,
// pressure, hysteresis and budget in one. A plain state machine without threads: the engine calls tick() some
// twenty times a second, from one thread, and does what it says. docs/governor.md has the law.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipec/runtime/error.h"
#include "pipec/runtime/govern.h"

namespace pipec::runtime {

class Governor {
 public:
  // What the engine saw since the last tick.
  struct Seen {
    double now = 0;               // seconds, from anywhere
    std::size_t tracked = 0;      // bytes in buffers and in the connectors' queues
    std::size_t in_flight = 0;    // batches that are not settled
    std::uint64_t batches = 0;    // that were settled
    std::uint64_t bytes = 0;      // of them
    double residence = 0;         // seconds from receive to settled, summed
    double service = 0;           // of that, seconds in which a stage or a sink was at work, summed
    bool waited = false;          // a source had to wait for room, of bytes or of batches
    bool bound = false;           // ... and it was the budget that had none
    std::size_t used = 0;         // bytes of the budget that are taken
    std::size_t working_set = 0;  // bytes that keep all workers busy
  };
  struct Decision {
    std::size_t budget = 0;
    std::size_t records = 0;  // of one receive, at most; 0: any number
    bool held = false;        // the sources are to be paused
    bool edge = false;        // `held` is new
    bool trim = false;        // memory that is kept for reuse should go back to the system
    std::string reason;       // of the edge
  };

  // `most`: never more bytes in flight than this. `root`: where /proc and /sys are looked for.
  Governor(GovernSettings settings, std::size_t most, std::string root = "");
  ~Governor();
  Governor(const Governor&) = delete;
  Governor& operator=(const Governor&) = delete;

  // An error where the limit leaves no room: the process by itself takes more than the sources may resume at.
  Status start();
  Decision tick(const Seen& seen);
  // Bytes in flight at the beginning, and records of a receive.
  Decision initial() const;
  // What the sources must not fill between two ticks: `tracked` bytes are as much as pauses them.
  bool too_much(std::size_t tracked) const { return tracked >= pause_at_; }

  // The limit with its headroom taken off; 0: none is known.
  std::size_t limit() const { return limit_; }
  double level() const;
  const std::vector<PressureReading>& readings() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::size_t limit_ = 0;
  std::size_t pause_at_ = 0;
};

}  // namespace pipec::runtime
