// A bump allocator for the values that an expression creates for one record. Reset per record, so that steady
// state allocates nothing. Not thread-safe; one per worker. Pointers are valid until reset().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pipec::runtime {

// Limits for arenas. An arena that needs more than `each` waits until no other arena of the process does, and
// may then use up to `most`, so that the memory for a few large records is not multiplied by the number of
// threads.
struct ArenaBounds {
  std::size_t each = SIZE_MAX;
  std::size_t most = SIZE_MAX;
};

// Thrown by allocate() beyond ArenaBounds::most. Earlier allocations stay valid until reset().
class ArenaFull : public std::exception {
 public:
  const char* what() const noexcept override { return "one record takes too much memory"; }
};

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  Arena(Arena&&) = default;
  Arena& operator=(Arena&&) = default;

  // Uninitialised bytes, aligned for any scalar, followed by at least `padding` writable bytes.
  char* allocate(std::size_t bytes, std::size_t padding = 0) {
    const std::size_t wanted = (bytes + padding + 15) & ~std::size_t{15};
    if (static_cast<std::size_t>(end_ - next_) < wanted) grow(wanted);
    char* result = next_;
    next_ += wanted;
    return result;
  }

  template <typename T>
  T* allocate_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena runs no destructors");
    // NOLINTNEXTLINE(bugprone-sizeof-expression): T may well be a pointer.
    return reinterpret_cast<T*>(allocate(count * sizeof(T)));
  }

  std::string_view copy(std::string_view text) {
    char* bytes = allocate(text.size());
    if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
    return {bytes, text.size()};
  }

  // Applies from now on. An arena that exceeds() must be reset soon, by the same thread: others may wait for
  // it.
  void bound(const ArenaBounds& bounds) { bounds_ = bounds; }
  const ArenaBounds& bounds() const { return bounds_; }
  bool exceeds() const { return turn_.held; }

  // Bytes allocated since the last reset, including unused space in all chunks but the last.
  std::size_t used() const {
    std::size_t all = 0;
    for (const Chunk& chunk : chunks_) all += chunk.size;
    return all - static_cast<std::size_t>(end_ - next_);
  }

  // Forgets everything; keeps one chunk of up to 1 MiB for the next record.
  void reset() {
    if (turn_.held || chunks_.size() > 1 || (chunks_.size() == 1 && chunks_[0].size > kKeep)) shrink();
    if (!chunks_.empty()) {
      next_ = chunks_[0].bytes.get();
      end_ = next_ + chunks_[0].size;
    }
  }

 private:
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  static constexpr std::size_t kFirst = std::size_t{16} << 10;
  static constexpr std::size_t kKeep = std::size_t{1} << 20;

  void grow(std::size_t wanted);
  void shrink();

  std::vector<Chunk> chunks_;
  char* next_ = nullptr;
  char* end_ = nullptr;
  ArenaBounds bounds_;
  // To exceed bounds_.each.
  struct Turn {
    Turn() = default;
    Turn(Turn&& other) noexcept : held(std::exchange(other.held, false)) {}
    Turn& operator=(Turn&& other) noexcept {
      std::swap(held, other.held);
      return *this;
    }
    ~Turn() { end(); }
    void take();
    void end();
    bool held = false;
  };
  Turn turn_;
};

}  // namespace pipec::runtime
