// The common options `encode` of sinks and `framing` of receivers: choices among the registry's formats.
#pragma once

#include <memory>

#include "pipec/runtime/format.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

runtime::OptionSpec encode_option();
// Without the option, each record leaves in its own format.
runtime::Result<std::unique_ptr<runtime::Encoder>> make_encoder(const runtime::Options& options);

runtime::OptionSpec framing_option();
// Null for lines.
runtime::Result<std::unique_ptr<runtime::Framing>> make_framing(const runtime::Options& options);
bool by_lines(const runtime::Options& options);
// See FormatSpec::Frame::whole.
bool reads_whole_inputs(const runtime::Options& options);

}  // namespace pipec::stdlib
