#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

// framing: json.
runtime::FormatFrame json_frame_role();

}  // namespace pipec::stdlib
