// The common option `on_error` of all parsers.
#pragma once

#include "pipec/runtime/registry.h"
#include "pipec/runtime/stage.h"

namespace pipec::stdlib {

runtime::OptionSpec on_error_option();
runtime::OnError on_error_of(const runtime::Options& options);

}  // namespace pipec::stdlib
