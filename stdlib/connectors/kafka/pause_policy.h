// The second level of the gate. Not reading is enough to hold a partition: its queue fills up to its limit
// and librdkafka stops fetching. Pausing throws away what was fetched, which then comes again, so it is for a
// hold that lasts (G7): it gives the memory back.
//
//              hold lasts for `patience`              hold ends
//   flowing ------------------------------> paused ------------> flowing
//
// Not again before something was handed on: under a pressure that does not pass the gate opens for short
// rounds, and if each of them found its records thrown away nothing would ever move. A plain class; the
// caller brings the time.
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
  // Whether the partitions are to be paused now.
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
  bool fruitless_ = false;  // nothing was handed on since the last pause
};

}  // namespace pipec::stdlib::kafka
