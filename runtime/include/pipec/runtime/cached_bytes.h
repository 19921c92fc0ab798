// Memory that threads keep between records to avoid repeated work (compiled patterns). It belongs to no
// batch, so no lease includes it: the governor counts it as tracked memory and reclaims it before it holds a
// source.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pipec::runtime {

// The byte count of one cache. Its destructor subtracts the remaining bytes from the total.
class CachedBytes {
 public:
  CachedBytes() = default;
  ~CachedBytes() { add(0 - held_); }
  CachedBytes(const CachedBytes&) = delete;
  CachedBytes& operator=(const CachedBytes&) = delete;

  void grow(std::size_t bytes) { add(bytes); }
  void shrink(std::size_t bytes) { add(0 - bytes); }
  std::size_t held() const { return held_; }
  // True once after each release_all(): the owner should drop everything it can rebuild.
  bool asked_back();

  // Any thread. The bytes of all caches of the process.
  static std::size_t total();
  // Any thread. Each cache drops its content when its thread next uses it.
  static void release_all();

 private:
  void add(std::size_t bytes);  // modulo 2^64: may take away

  std::size_t held_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace pipec::runtime
