// The three roles of CSV, each in its own file.
#pragma once

#include "pipec/runtime/registry.h"

namespace pipec::stdlib::csv {

runtime::FormatParse parse_role();
runtime::FormatEncode encode_role();
runtime::FormatFrame frame_role();

}  // namespace pipec::stdlib::csv
