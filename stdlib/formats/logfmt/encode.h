#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

// encode: logfmt.
runtime::FormatEncode logfmt_encode_role();

}  // namespace pipec::stdlib
