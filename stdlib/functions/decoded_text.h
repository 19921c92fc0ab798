// The result of a decoder: a string if it is UTF-8, else bytes.
#pragma once

#include "pipec/runtime/value.h"
#include "stdlib/functions/utf8.h"

namespace pipec::stdlib {

inline runtime::Value text_or_bytes(std::string_view raw) {
  return is_utf8(raw) ? runtime::Value::string(raw) : runtime::Value::bytes(raw);
}

}  // namespace pipec::stdlib
