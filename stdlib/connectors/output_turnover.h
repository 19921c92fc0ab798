// Detects whether files are written in turn, each for a short while, or many are in use at the same time, by
// counting files that were not in use a moment ago.
#pragma once

#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace pipec::stdlib {

class OutputTurnover {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `many`: more new files per second than this are written in turn, unless as many are reused.
  OutputTurnover(std::size_t many, Time now) : many_(many), looked_(now) {}

  // Counts a file that is not in memory. True: more than `many` new ones were counted since the last look().
  bool found(std::string_view path) {
    const std::uint64_t hash = XXH3_64bits(path.data(), path.size());
    if (!forgotten_.empty() && forgotten_[hash % kRemembered] == hash) {
      ++back_;
    } else {
      ++new_;
    }
    return new_ > std::max(many_, back_);
  }
  // One leaves memory.
  void forgotten(std::string_view path) {
    if (forgotten_.empty()) forgotten_.resize(kRemembered);
    const std::uint64_t hash = XXH3_64bits(path.data(), path.size());
    forgotten_[hash % kRemembered] = hash;
  }

  // True if files were written in turn since the last call.
  bool look(Time now) {
    const std::chrono::duration<double> passed = now - std::exchange(looked_, now);
    const bool fast = static_cast<double>(new_) > static_cast<double>(many_) * passed.count();
    return std::exchange(new_, 0) > std::exchange(back_, 0) && fast;
  }

 private:
  static constexpr std::size_t kRemembered = 16'384;

  std::size_t many_;
  std::size_t new_ = 0;
  std::size_t back_ = 0;  // that were here a moment ago
  Time looked_;
  std::vector<std::uint64_t> forgotten_;  // hashes of paths, each at its remainder; newer ones replace older
};

}  // namespace pipec::stdlib
