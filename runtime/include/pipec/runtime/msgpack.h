// Converts MsgPack to values and back, and to JSON and back without an intermediate tree. Types that the
// language does not have follow the rules of docs/language.md:
//  - integers beyond int64 are numbers of the data; float 32 reads as the double of the same value; NaN and
//    infinities read as null
//  - ext -1 is a timestamp if 64 bits of nanoseconds can hold it; any other ext reads as its payload, bytes
//  - a key that is not a string reads as text: a scalar as `"${}"` writes it, bin as a string (base64 if it
//    is not UTF-8); an array, map or ext as a key is malformed
// Everything here is bounded: nesting by kMaxDepth, never by the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

// The complete check that `parse msgpack` makes: structure, UTF-8 of every str, nesting, one value and
// nothing after it. Returns null if valid, else a short reason, with its position in `offset`.
const char* validate_msgpack(std::string_view bytes, std::size_t* offset = nullptr);

// The value of a slice that holds exactly one. Scalars are checked completely; of an array or map, only the
// head is checked and the slice is assumed to be well-formed (its readers detect errors). nullopt: malformed.
std::optional<Value> read_msgpack(std::string_view slice);

// Appends the value: containers from MsgPack byte for byte, integers in the smallest form, floats as float
// 64, bytes as bin, timestamps as ext -1, durations as integers of nanoseconds; JSON text is transcoded.
// Returns null, or the reason why the value has no MsgPack form (a number beyond 64 bits, malformed text),
// and then appends nothing.
const char* append_msgpack(const Value& value, Buffer& out);

// Appends one record of MsgPack as compact JSON: bin and ext as base64, NaN and infinities as null,
// timestamps as RFC 3339, keys as text. `checked`: validate_msgpack() has accepted it. Returns null, or what
// is malformed, with its position in `offset`, and then appends nothing.
const char* msgpack_to_json(std::string_view bytes, bool checked, Buffer& out, std::size_t* offset = nullptr);

// Appends one record of JSON text as MsgPack in its smallest form, floats as float 64; repeated keys stay.
// Validates the whole text, which must be followed by Buffer::kPadding readable bytes. Returns null on
// success. Otherwise returns what is malformed or has no MsgPack form, with its position in `offset`, and
// appends nothing.
const char* json_to_msgpack(std::string_view text, Buffer& out, std::size_t* offset = nullptr);

// Finds where the values of a stream end, however it is cut into pieces. It also finds the end of values that
// validate_msgpack() rejects: with containers as keys, deeper than kMaxDepth, with bad text.
class MsgpackFramer {
 public:
  MsgpackFramer();
  ~MsgpackFramer();
  MsgpackFramer(const MsgpackFramer&) = delete;
  MsgpackFramer& operator=(const MsgpackFramer&) = delete;

  enum class Found : std::uint8_t {
    whole,  // a value ends after the bytes taken; the next call begins a new one
    more,   // it continues after `bytes`
    malformed,
  };
  // Continues with bytes that follow those of earlier calls; `taken`: how many of them were consumed. Pass
  // the rest again, together with further bytes.
  Found next(std::string_view bytes, std::size_t& taken);
  const char* reason() const;
  // After `more`: the value needs at least this many bytes after those taken.
  std::uint64_t least() const;
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pipec::runtime
