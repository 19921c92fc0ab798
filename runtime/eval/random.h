// The generator for random() and uuid_v4(): SplitMix64. Not for secrets.
#pragma once

#include <cstdint>

namespace pipec::runtime::eval {

class Random {
 public:
  Random();  // differs from one evaluator, thread and run to the next
  std::uint64_t next() { return mix(state_ += kStep); }

  // From here on the bits depend only on the seed and the record's position (begin_record() for each), so
  // that a source restarted in the middle generates the same records again.
  void seed(std::uint64_t seed) {
    seed_ = mix(seed + kStep);
    seeded_ = true;
    state_ = seed_;
  }
  bool seeded() const { return seeded_; }
  void begin_record(std::uint64_t position) { state_ = mix(seed_ ^ mix(position + kStep)); }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15U;
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
  std::uint64_t seed_ = 0;
  bool seeded_ = false;
};

}  // namespace pipec::runtime::eval
