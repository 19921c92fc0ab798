// The parsers that build nothing: each record is checked completely, and later stages read the same bytes.
#pragma once

#include <memory>
#include <optional>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/stage.h"

namespace pipec::stdlib {

// A record's format, and where it begins (after a byte order mark); nullopt: unknown.
using Recognise = std::optional<runtime::Format> (*)(std::string_view payload, std::size_t& skipped);

// `recognise`: null where all records are of the one format, and `format` is that.
std::unique_ptr<runtime::Stage> make_validating_parser(runtime::OnError on_error, runtime::Format format,
                                                       Recognise recognise = nullptr);

}  // namespace pipec::stdlib
