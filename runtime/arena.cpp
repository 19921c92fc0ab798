#include "pipec/runtime/arena.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace pipec::runtime {

namespace {

std::mutex turn_mutex;
std::condition_variable turn_ended;
bool turn_is_taken = false;

}  // namespace

// The holder computes, and never waits for a thread that could wait for the turn.
void Arena::Turn::take() {
  if (held) return;
  std::unique_lock lock(turn_mutex);
  turn_ended.wait(lock, [] { return !turn_is_taken; });
  turn_is_taken = held = true;
}

void Arena::Turn::end() {
  if (!held) return;
  const std::lock_guard lock(turn_mutex);
  turn_is_taken = held = false;
  turn_ended.notify_one();
}

void Arena::grow(std::size_t wanted) {
  const std::size_t doubled = chunks_.empty() ? kFirst : chunks_.back().size * 2;
  const std::size_t size = std::max(wanted, std::min(doubled, kKeep));
  if (bounds_.each != SIZE_MAX && size > kFirst) {
    std::size_t held = 0;
    for (const Chunk& chunk : chunks_) held += chunk.size;
    if (held + size > bounds_.most) throw ArenaFull();
    if (held + size > bounds_.each) turn_.take();
  }
  chunks_.push_back({std::unique_ptr<char[]>(new char[size]), size});
  next_ = chunks_.back().bytes.get();
  end_ = next_ + size;
}

void Arena::shrink() {
  const std::size_t most = std::min(kKeep, std::max(kFirst, bounds_.each));
  Chunk kept{nullptr, 0};
  for (Chunk& chunk : chunks_) {
    if (chunk.size <= most && chunk.size > kept.size) kept = std::move(chunk);
  }
  chunks_.clear();
  next_ = end_ = nullptr;
  if (kept.bytes) chunks_.push_back(std::move(kept));
  turn_.end();
}

}  // namespace pipec::runtime
