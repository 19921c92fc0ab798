// Values out of JSON text and back. Everything here is bounded: nesting by kMaxDepth, never by the stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/containers.h"
#include "pipec/runtime/number_text.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

// The value of a slice of JSON text without surrounding white space, as it is in a record. Scalars are
// checked completely (strings: escapes, control characters, UTF-8); of an array or object, only the first
// byte is checked. nullopt: malformed.
std::optional<Value> read_json(std::string_view slice);

// The complete check that `parse json` makes: RFC 8259 grammar, UTF-8, no lone surrogate, nesting at most
// kMaxDepth, white space around the value allowed, nothing else after it. Numbers of any size are valid. The
// text must be followed by Buffer::kPadding readable bytes. Returns null if valid, else a short reason
// ("unexpected character", "nested deeper than 1024"), with its position in `offset`.
const char* validate_json(std::string_view text, std::size_t* offset = nullptr);

// The string's content with its escapes decoded. The result points into the arena or the value's text.
std::string_view decode_string(const Value& string, Arena& arena);
// As above, and as a Value of Form::plain.
Value decoded(const Value& string, Arena& arena);

// Appends the value as compact JSON: values from data byte for byte, floats by the shortest text that reads
// back the same (whole ones keep `.0`), timestamps as RFC 3339 in UTC, bytes as base64, durations as integers
// of nanoseconds.
void append_json(const Value& value, Buffer& out);
// The quoted and escaped string.
void append_json_string(std::string_view decoded, Buffer& out);
}  // namespace pipec::runtime
