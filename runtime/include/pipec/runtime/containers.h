// Arrays and objects of any form: text of JSON, bytes of MsgPack, or built by a program. Nesting is bounded
// by kMaxDepth, never by the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

inline constexpr std::size_t kMaxDepth = 1024;

// Walks the items of an array, json, msgpack or built: `while (walker.next(item))`. A malformed slice sets
// bad() and ends.
class ArrayWalker {
 public:
  explicit ArrayWalker(const Value& array);
  bool next(Value& item);
  bool bad() const { return bad_; }

 private:
  bool next_msgpack(Value& item);

  const Value* built_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::uint32_t left_ = 0;
  bool first_ = true;
  bool bad_ = false;
};

// Walks the members of an object. Every member of a json or msgpack object is visited, including repeated
// keys; keys are decoded into the arena if they contain escapes or are not strings.
class ObjectWalker {
 public:
  ObjectWalker(const Value& object, Arena& arena);
  bool next(std::string_view& key, Value& value);
  bool bad() const { return bad_; }

 private:
  bool next_msgpack(std::string_view& key, Value& value);

  Arena& arena_;
  const Member* built_ = nullptr;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::uint32_t left_ = 0;
  bool first_ = true;
  bool bad_ = false;
};

// Lookup below a value: a null Value and found=false if there is no match. The last of repeated keys counts.
struct Found {
  Value value;
  bool found = false;
  bool bad = false;  // the text on the way is malformed
};
Found find_member(const Value& object, std::string_view key, Arena& arena);
Found find_item(const Value& array, std::int64_t index);  // negative counts from the end

// An array or object with its items or members as Values, repeated keys resolved (last wins, at its first
// place); one level deep. Gives Value::failed() where malformed.
Value expand(const Value& container, Arena& arena);

// Comparison as the language has it: across types false, int and float by exact value, deep, key order
// ignored. The values may be json, msgpack or built. Strings and keys are decoded as needed.
bool equal(const Value& a, const Value& b, Arena& arena);
// <0, 0, >0; nullopt where the language has no order for the pair.
std::optional<int> compare(const Value& a, const Value& b, Arena& arena);

}  // namespace pipec::runtime
