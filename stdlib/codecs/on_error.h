// The common option `on_error` of all parsers.
#pragma once

#include <string_view>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/registry.h"
#include "pipec/runtime/stage.h"

namespace pipec::stdlib {

runtime::OptionSpec on_error_option();
runtime::OnError on_error_of(const runtime::Options& options);

// What happens to the record that does not parse. An error: the batch fails with it.
runtime::Status reject(runtime::OnError on_error, const runtime::Batch& batch, const runtime::Record& record,
                       std::string_view reason, runtime::StageContext& context);

void register_json_parser(runtime::Registry& registry);
void register_text_parser(runtime::Registry& registry);

}  // namespace pipec::stdlib
