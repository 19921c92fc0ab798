// Finds the end of a MsgPack value, which also checks its structure: only heads are read.
#pragma once

#include <cstdint>
#include <vector>

#include "pipec/runtime/containers.h"
#include "runtime/msgpack/token.h"

namespace pipec::runtime::msgpack {

// Checks consecutive values that arrive in pieces. Resumes where it stopped, so a large value is walked only
// once. Rejects 0xc1, nesting deeper than `deepest` and, unless `any_key`, an array, map or ext as a key.
class Structure {
 public:
  Structure() = default;
  Structure(std::size_t deepest, bool any_key) : deepest_(deepest), any_key_(any_key) {}

  enum class Found : std::uint8_t { whole, more, malformed };

  // Steps over the value whose rest begins at `at`. whole: `at` is after it, and the next call begins a new
  // one; more: at the first byte that is needed again, together with more input; malformed: at the wrong
  // byte.
  Found next(const char*& at, const char* end);
  void reset() {
    open_.clear();
    left_ = 1;
    map_ = false;
  }
  // No byte of the next value was consumed.
  bool fresh() const { return open_.empty(); }
  const char* reason() const { return reason_; }
  // After `more`: the value has at least this many more bytes, from `at` on.
  std::uint64_t least() const { return least_; }

 private:
  struct Level {
    std::uint64_t left;
    bool map;
  };
  Found refuse(const char* reason) {
    reason_ = reason;
    reset();
    return Found::malformed;
  }

  std::size_t deepest_ = kMaxDepth;
  bool any_key_ = false;
  std::uint64_t left_ = 1;  // values to come at this level, keys too
  bool map_ = false;        // the level is a map's: a key is next if left_ is even
  std::vector<Level> open_;
  std::uint64_t least_ = 0;
  const char* reason_ = "";
};

// Behind the value at `at`; nullptr: it is cut off or malformed. `depth`: containers around it.
const char* skip_any(const char* at, const char* end, std::size_t depth);
// The same, and every str has to be UTF-8.
const char* skip_checked(const char* at, const char* end);

inline const char* skip(const char* at, const char* end, std::size_t depth) {
  if (at >= end) return nullptr;
  const Lead& first = lead(at);
  if (first.kind == Lead::Class::fixed) return end - at < first.bytes ? nullptr : at + first.bytes;
  if (first.kind != Lead::Class::sized) return skip_any(at, end, depth);
  if (end - at < first.bytes) return nullptr;
  const std::uint32_t length = load_length(at + 1, first.length);
  at += first.bytes;
  return static_cast<std::uint64_t>(end - at) < length ? nullptr : at + length;
}

}  // namespace pipec::runtime::msgpack
