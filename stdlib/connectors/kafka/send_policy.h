// Decides when the producer sends a partial batch. librdkafka's own rule is linger.ms, and a short one is
// expensive: while an idempotent producer waits for a partition's answer (one at a time), a message older
// than linger.ms keeps its thread awake, which takes CPU time from the broker. So linger.ms is long, and this
// class says when to flush briefly:
//
//   little waits, or no sends for kQuiet -> once, and again when answers arrive or after kAgain
//
// Little: the records of a slow source are not delayed. A plain class; the caller passes the time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace pipec::stdlib::kafka {

class SendPolicy {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Milliseconds = std::chrono::milliseconds;

  static constexpr Milliseconds kQuiet{5};
  static constexpr Milliseconds kAgain{25};
  static constexpr std::size_t kLittle = std::size_t{256} << 10;  // bytes

  // Asked every few milliseconds while something waits. `sent`, `answered`: anything that changes when
  // something is. `waiting`: bytes. True: flush now.
  bool due(Time now, std::uint64_t sent, std::uint64_t answered, std::size_t waiting) {
    if (sent != sent_) {
      sent_ = sent;
      changed_ = now;
      flushed_since_ = false;
    }
    const bool quiet = now - changed_ >= kQuiet;
    if (!quiet && waiting > kLittle) return false;
    if (now - flushed_ < kQuiet) return false;
    if (flushed_since_ && answered == answered_ && now - flushed_ < kAgain) return false;
    flushed_ = now;
    flushed_since_ = true;
    answered_ = answered;
    return true;
  }

 private:
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  Time changed_{};
  Time flushed_{};
  bool flushed_since_ = false;  // since the last one was sent
};

}  // namespace pipec::stdlib::kafka
