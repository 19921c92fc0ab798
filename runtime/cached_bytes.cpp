#include "pipec/runtime/cached_bytes.h"

#include <atomic>

namespace pipec::runtime {

namespace {

std::atomic<std::size_t> all_bytes{0};
std::atomic<std::uint64_t> requests{0};

}  // namespace

void CachedBytes::add(std::size_t bytes) {
  held_ += bytes;
  all_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

bool CachedBytes::asked_back() {
  const std::uint64_t now = requests.load(std::memory_order_relaxed);
  if (now == seen_) return false;
  seen_ = now;
  return held_ != 0;
}

std::size_t CachedBytes::total() {
  return all_bytes.load(std::memory_order_relaxed);
}

void CachedBytes::release_all() {
  requests.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace pipec::runtime
