// The common option `on_error` of all parsers.
#pragma once

#include "pipec/runtime/registry.h"
#include "pipec/runtime/stage.h"

namespace pipec::stdlib {

runtime::OptionSpec on_error_option();
runtime::OnError on_error_of(const runtime::Options& options);

void register_json_parser(runtime::Registry& registry);
void register_msgpack_parsers(runtime::Registry& registry);  // msgpack, auto
void register_text_parser(runtime::Registry& registry);

}  // namespace pipec::stdlib
