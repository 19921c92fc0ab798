// `types: auto`: what a text looks like, where nothing is lost by taking it for that.
#pragma once

#include <string_view>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

// The option `types`.
runtime::OptionSpec types_option();
bool types_are_auto(const runtime::Options& options);

// Whether the text is, as it stands, JSON's form of an int of 64 bits, of a double, or of a bool. `007`,
// `1e5`,
// `-0` and numbers with more digits than their type holds are not.
bool is_scalar(std::string_view text);

// Appends it as that, else as a string.
void append_typed(std::string_view text, runtime::Buffer& out);

}  // namespace pipec::stdlib
