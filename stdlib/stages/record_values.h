// What stages have in common that evaluate something of each record: a key, a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

// The reason for a value that cannot be a key; the record is malformed.
inline constexpr std::string_view kMalformedValue = "parse error: a malformed value";

// A record whose evaluation failed: a dead letter, or the stage's choice where the record is malformed. The
// caller takes it out of the batch. An error ends the run.
runtime::Status take_out(runtime::OnError on_malformed, const runtime::Batch& batch,
                         const runtime::Record& record, const runtime::Failure& failure,
                         runtime::StageContext& context);

// A timestamp, or a string that is one, in nanoseconds since 1970. Else the reason is in `why`, which begins
// with the stage's name.
std::optional<std::int64_t> time_of(const runtime::Value& value, const char* stage, runtime::Arena& arena,
                                    std::string& why);

// The option `at`; `fallback` says what counts without it.
runtime::OptionSpec at_option(const char* fallback);

}  // namespace pipec::stdlib
