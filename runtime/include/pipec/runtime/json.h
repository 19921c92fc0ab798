// Values out of JSON text and back; the walkers take MsgPack containers too. Everything here is bounded:
// nesting by kMaxDepth, never by the stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

inline constexpr std::size_t kMaxDepth = 1024;

// The value of a slice of JSON text without surrounding white space, as it lies in a record. Scalars are
// checked completely (a string: escapes, control characters, UTF-8); of an array or object only the first
// byte is looked at. nullopt: malformed.
std::optional<Value> read_json(std::string_view slice);

// The complete check that `parse json` makes: RFC 8259 grammar, UTF-8, no lone surrogate, nesting at most
// kMaxDepth, white space around allowed, nothing behind the value. Any size of number is valid. The text
// needs Buffer::kPadding readable bytes behind it. Returns null where valid, else the reason in a few words
// ("unexpected character", "nested deeper than 1024"), and the place in `offset`.
const char* validate_json(std::string_view text, std::size_t* offset = nullptr);

// The string's content with its escapes decoded. The result lives in the arena or where the value's text
// lies.
std::string_view decode_string(const Value& string, Arena& arena);
// As above, and as a Value of Form::plain.
Value decoded(const Value& string, Arena& arena);

// Appends the value as compact JSON: what came from data byte for byte as it came, floats by the shortest
// text that reads back the same (whole ones keep `.0`), timestamps as RFC 3339 in UTC, bytes as base64,
// durations as integers of nanoseconds.
void append_json(const Value& value, Buffer& out);
// The quoted and escaped string.
void append_json_string(std::string_view decoded, Buffer& out);
// Shortest decimal text of a finite double; at most 32 bytes. Returns the length.
std::size_t format_float(double value, char* out);
// RFC 3339 in UTC, with as many fraction digits as needed (0, 3, 6 or 9). At most 40 bytes. Returns the
// length.
std::size_t format_timestamp(std::int64_t nanoseconds, char* out);

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

// Walks the members of an object. Of a json or msgpack object every member comes, repeated keys too; keys
// are decoded into the arena where they hold escapes or are no strings.
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

// Lookup below a value: null Value and found=false where there is no such thing. The last of repeated keys
// counts.
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
