// Edits below a value, for paths of more than one step or through an array.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/value.h"
#include "runtime/record/edit.h"

namespace pipec::runtime::json {

using record::Edit;
using record::Step;

using Operation = record::OperationOf<Value>;
using Edited = record::EditedOf<Value>;

// JSON text stays JSON text with all its untouched bytes; of built containers the way to the change is
// copied. The result lives in the arena and refers to what `container` and the operation refer to. `scratch`
// is overwritten.
Edited edit_below(const Value& container, std::span<const Step> steps, const Operation& operation,
                  Arena& arena, Buffer& scratch);

// The container reduced to the members at the paths; no path is empty. `found`: whether any exists.
Edited keep_below(const Value& container, std::span<const std::span<const Step>> paths, Arena& arena,
                  Buffer& scratch, bool& found);

// Objects around the value, one per step, for parents that are missing.
Edited wrap(std::span<const Step> steps, const Value& value, Arena& arena, Buffer& scratch);

}  // namespace pipec::runtime::json
