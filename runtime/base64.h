#pragma once

#include <string_view>

#include "pipec/runtime/buffer.h"

namespace pipec::runtime {

// RFC 4648, with padding.
void append_base64(std::string_view bytes, Buffer& out);

}  // namespace pipec::runtime
