#include "pipec/runtime/value.h"

#include <charconv>

namespace pipec::runtime {

std::string_view type_name(Type type) {
  switch (type) {
    case Type::null:
      return "null";
    case Type::boolean:
      return "bool";
    case Type::integer:
      return "int";
    case Type::floating:
      return "float";
    case Type::string:
      return "string";
    case Type::bytes:
      return "bytes";
    case Type::timestamp:
      return "timestamp";
    case Type::duration:
      return "duration";
    case Type::array:
      return "array";
    case Type::object:
      return "object";
    case Type::failed:
      break;
  }
  return "error";
}

std::string_view exact_text(const Value& beyond, char (&room)[kUnsignedDigits]) {
  if (!beyond.number_text().empty()) return beyond.number_text();
  const char* const end =
      std::to_chars(room, room + kUnsignedDigits, static_cast<std::uint64_t>(beyond.as_int())).ptr;
  return {room, static_cast<std::size_t>(end - room)};
}

}  // namespace pipec::runtime
