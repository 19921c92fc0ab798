// The records that encoders take apart.
#pragma once

#include <optional>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/value.h"

namespace pipec::stdlib {

// The record's value with its top level available; nullopt: it has none.
std::optional<runtime::Value> value_of(const runtime::Batch& batch, const runtime::Record& record);

}  // namespace pipec::stdlib
