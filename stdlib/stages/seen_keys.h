// Which keys have passed a dedupe: an index of them, in the order in which they passed where they may be
// forgotten again, and the log of it in chunks that a checkpoint saves as they are filled.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipec/runtime/connector.h"
#include "stdlib/stages/canonical.h"

namespace pipec::stdlib {

struct SeenLimits {
  std::optional<std::int64_t> within;  // nanoseconds for which a key is known, counted from its pass
  std::optional<std::uint64_t> last;   // how many passes are known at most, the oldest forgotten first
  bool forgets() const { return within || last; }
};

// Open addressing over hashes that are random already; a slot is 24 bytes, at least a quarter of them are
// free.
class HashIndex {
 public:
  using Key = Hash128;
  std::uint64_t* find(const Key& key);
  void put(const Key& key, std::uint64_t pass);  // new, or the pass of a known one
  void remove(const Key& key);
  std::size_t size() const { return used_; }
  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

  static void write(const Key& key, std::string& out);
  static std::optional<Key> read(std::string_view& from);

 private:
  struct Slot {
    Key key;
    std::uint64_t pass = kFree;
  };
  static constexpr std::uint64_t kFree = std::numeric_limits<std::uint64_t>::max();
  std::size_t place(const Key& key) const { return key.low & (slots_.size() - 1); }
  void grow();

  std::vector<Slot> slots_;  // a power of two
  std::size_t used_ = 0;
};

// The keys themselves.
class TextIndex {
 public:
  using Key = std::string;
  std::uint64_t* find(const Key& key);
  void put(const Key& key, std::uint64_t pass);
  void remove(const Key& key);
  std::size_t size() const { return passes_.size(); }
  std::size_t bytes() const { return text_ + passes_.size() * 64; }

  static void write(const Key& key, std::string& out);
  static std::optional<Key> read(std::string_view& from);

 private:
  std::unordered_map<std::string, std::uint64_t> passes_;
  std::size_t text_ = 0;
};

template <class Index>
class SeenKeys {
 public:
  using Key = typename Index::Key;
  explicit SeenKeys(SeenLimits limits) : limits_(limits) {}

  // True: the record passes, and its key is known from here on. `time`: of the record.
  bool pass(const Key& key, std::int64_t time);

  // The entries that changed since the last call.
  void snapshot(runtime::StateEntries& changes);
  // False: the entries are damaged.
  bool restore(const runtime::StateEntries& saved);

  std::size_t size() const { return index_.size(); }
  std::size_t bytes() const { return index_.bytes() + order_.size() * sizeof(Pass) + open_chunk_.size(); }

 private:
  struct Pass {
    Key key;
    std::int64_t time;
  };
  struct Chunk {
    std::uint64_t number;
    std::uint64_t end;  // one past its last pass
  };

  bool expired(std::int64_t time) const {
    std::int64_t end = 0;
    return limits_.within && !__builtin_add_overflow(time, *limits_.within, &end) && end <= greatest_;
  }
  void add(const Key& key, std::int64_t time);
  void forget_first();
  void forget();
  static std::string chunk_key(std::uint64_t number);

  SeenLimits limits_;
  Index index_;
  std::deque<Pass> order_;  // where keys are forgotten; the passes first_ to next_ - 1
  std::uint64_t first_ = 0;
  std::uint64_t next_ = 0;
  std::int64_t greatest_ = std::numeric_limits<std::int64_t>::min();  // time seen
  bool moved_ = false;  // greatest_ has, since the last snapshot

  std::deque<Chunk> chunks_;  // that hold a pass which is not forgotten, but for the open one
  std::uint64_t open_number_ = 0;
  std::string open_chunk_;
  bool open_changed_ = false;
};

extern template class SeenKeys<HashIndex>;
extern template class SeenKeys<TextIndex>;

}  // namespace pipec::stdlib
