#include <cstring>

#include "pipec/runtime/json.h"
#include "runtime/json/number.h"
#include "runtime/json/text.h"

namespace pipec::runtime {

using namespace json;

std::optional<Value> read_json(std::string_view slice) {
  if (slice.empty()) return std::nullopt;
  switch (slice.front()) {
    case '"': {
      if (slice.size() < 2 || slice.back() != '"') return std::nullopt;
      bool escaped = false;
      const std::string_view inside = slice.substr(1, slice.size() - 2);
      if (!check_string(inside, escaped)) return std::nullopt;
      return Value::json_string(inside, escaped);
    }
    case '{':
      return Value::json_object(slice);
    case '[':
      return Value::json_array(slice);
    case 't':
      return slice == "true" ? std::optional(Value::boolean(true)) : std::nullopt;
    case 'f':
      return slice == "false" ? std::optional(Value::boolean(false)) : std::nullopt;
    case 'n':
      return slice == "null" ? std::optional(Value()) : std::nullopt;
    default:
      return read_number(slice);
  }
}

std::string_view decode_string(const Value& string, Arena& arena) {
  if (!string.is_escaped()) return string.text();
  char* out = arena.allocate(string.size());
  return {out, unescape(string.text(), out)};
}

Value decoded(const Value& string, Arena& arena) {
  return string.is_escaped() ? Value::string(decode_string(string, arena)) : string;
}

}  // namespace pipec::runtime
