// The items and members of a slice of JSON text, one after another and undecoded.
#pragma once

#include <string_view>

#include "pipec/runtime/arena.h"
#include "runtime/json/text.h"

namespace pipec::runtime::json {

struct RawMember {
  const char* key_begin = nullptr;  // the opening quote
  const char* key_end = nullptr;    // after the closing quote
  const char* value_begin = nullptr;
  const char* value_end = nullptr;
  std::string_view inside_key() const {
    return {key_begin + 1, static_cast<std::size_t>(key_end - key_begin) - 2};
  }
  std::string_view value() const { return {value_begin, static_cast<std::size_t>(value_end - value_begin)}; }
  bool has_key(std::string_view decoded, Arena& arena) const;
};

enum class Walk : unsigned char { item, end, malformed };

// `at` is after the opening bracket or the previous value. On `item`, the value is [value_begin, value_end)
// and `at` moves after it; on `end`, it moves after the closing bracket.
inline Walk next_item(const char*& at, const char* end, bool first, std::string_view& value) {
  at = skip_space(at, end);
  if (at == end) return Walk::malformed;
  if (*at == ']') {
    ++at;
    return Walk::end;
  }
  if (!first) {
    if (*at != ',') return Walk::malformed;
    at = skip_space(at + 1, end);
  }
  const char* behind = skip_value(at, end);
  if (!behind) return Walk::malformed;
  value = {at, static_cast<std::size_t>(behind - at)};
  at = behind;
  return Walk::item;
}

inline Walk next_member(const char*& at, const char* end, bool first, RawMember& member) {
  at = skip_space(at, end);
  if (at == end) return Walk::malformed;
  if (*at == '}') {
    ++at;
    return Walk::end;
  }
  if (!first) {
    if (*at != ',') return Walk::malformed;
    at = skip_space(at + 1, end);
  }
  if (at == end || *at != '"') return Walk::malformed;
  const char* quote = find_string_end(at + 1, end);
  if (!quote) return Walk::malformed;
  member.key_begin = at;
  member.key_end = quote + 1;
  at = skip_space(quote + 1, end);
  if (at == end || *at != ':') return Walk::malformed;
  at = skip_space(at + 1, end);
  const char* behind = skip_value(at, end);
  if (!behind) return Walk::malformed;
  member.value_begin = at;
  member.value_end = behind;
  at = behind;
  return Walk::item;
}

}  // namespace pipec::runtime::json
