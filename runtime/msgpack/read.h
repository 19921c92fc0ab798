// Values of MsgPack, and the walk over a container's slice.
#pragma once

#include <optional>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/containers.h"
#include "pipec/runtime/value.h"
#include "runtime/msgpack/structure.h"

namespace pipec::runtime::msgpack {

inline bool is_slice(const Value& value) {
  return value.form() == Value::Form::msgpack;
}

// The value of a token, whose bytes are `slice`; nullopt: malformed.
std::optional<Value> value_of(const Token& token, std::string_view slice);

// A scalar key that is not a str, as text, allocated in the arena.
std::string_view key_text(const Token& token, Arena& arena);

// One member of a map: keys are scalars.
struct Entry {
  Token key;
  const char* key_begin = nullptr;
  const char* key_end = nullptr;
  const char* value_begin = nullptr;
  const char* value_end = nullptr;
  std::string_view value() const { return {value_begin, static_cast<std::size_t>(value_end - value_begin)}; }
  bool has_key(std::string_view text, Arena& arena) const {
    return (key.kind == Kind::str ? key.text() : key_text(key, arena)) == text;
  }
};

// Reads a member's key, which is a scalar. Returns the position after it; nullptr: malformed.
inline const char* read_key(const char* at, const char* end, Token& key) {
  at = read_token(at, end, key);
  const bool scalar =
      key.kind != Kind::array && key.kind != Kind::map && key.kind != Kind::ext && key.kind != Kind::never;
  return scalar ? at : nullptr;
}

// Reads the item (no key) or member at `at`; false: malformed.
bool read_entry(const char* at, const char* end, bool map, Entry& entry);

// Walks the items or members of a container's slice: `while (walk.next(entry))`; of an array, the entry has
// no key. Bytes that are malformed set bad() and end.
class Walk {
 public:
  explicit Walk(std::string_view slice);
  bool next(Entry& entry);
  bool bad() const { return bad_; }
  // Everything was walked and nothing follows it.
  bool complete() const { return !bad_ && left_ == 0 && at_ == end_; }
  std::uint32_t count() const { return count_; }
  const char* body() const { return body_; }

 private:
  const char* at_;
  const char* end_;
  const char* body_ = nullptr;  // after the head
  std::uint32_t count_ = 0;
  std::uint32_t left_ = 0;
  bool map_ = false;
  bool bad_ = false;
};

Found find_member(const Value& map, std::string_view key, Arena& arena);
Found find_item(const Value& array, std::int64_t index);

// Nanoseconds of an ext -1; nullopt: no timestamp, or beyond 64 bits.
std::optional<std::int64_t> timestamp_of(const Token& token);

// The double of a float token; nullopt: NaN or infinite.
std::optional<double> float_of(const Token& token);

}  // namespace pipec::runtime::msgpack
