#include "pipec/runtime/value.h"

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

}  // namespace pipec::runtime
