// The second level of the gate. To hold a partition it is enough not to read it: its queue fills up to its
// limit and librdkafka stops fetching. Pausing discards the fetched records, which are fetched again later,
// so it is for long holds (G7): it releases the memory.
//
//              hold lasts for `patience`              hold ends
//   flowing ------------------------------> paused ------------> flowing
//
// Does not pause again before a record was passed on. Under lasting pressure the gate opens only briefly, and
// if each time the records had been discarded, there would be no progress. A plain class; the caller passes
// the time.
#pragma once

#include <chrono>
#include <optional>

namespace pipec::stdlib::kafka {

class PausePolicy {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  explicit PausePolicy(Milliseconds patience) : patience_(patience) {}

  // The engine's gate.
  void hold(bool on, Time now) {
    if (on == since_.has_value()) return;
    since_ = on ? std::optional<Time>(now) : std::nullopt;
  }
  // Records were given to the engine.
  void handed() { fruitless_ = false; }
  // Whether to pause the partitions now.
  bool paused(Time now) {
    if (!since_) {
      if (paused_) fruitless_ = true;
      paused_ = false;
    } else if (!fruitless_ && now - *since_ >= patience_) {
      paused_ = true;
    }
    return paused_;
  }
  // When paused() becomes true if nothing else happens.
  std::optional<Time> next() const {
    if (!since_ || paused_ || fruitless_) return std::nullopt;
    return *since_ + patience_;
  }

 private:
  const Milliseconds patience_;
  std::optional<Time> since_;
  bool paused_ = false;
  bool fruitless_ = false;  // no record was passed on since the last pause
};

}  // namespace pipec::stdlib::kafka
