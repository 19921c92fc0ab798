// Values as bytes that sort like them: null, false, true, numbers, strings, timestamps, bytes, arrays,
// objects (those by their keys, then by the values). Numbers sort by exact value, but for those beyond 64
// bits, which sort by the nearest double.
#pragma once

#include <string>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/value.h"

namespace pipec::stdlib {

// False: the value is malformed, or nested too deep.
bool append_order_key(const runtime::Value& value, runtime::Arena& arena, std::string& out);

}  // namespace pipec::stdlib
