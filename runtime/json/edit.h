// Edits below a value: what a path of more than one step, or one through an array, does.
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

// The container with nothing but the members at the paths, none of which is empty. `found`: whether one is
// there.
Edited keep_below(const Value& container, std::span<const std::span<const Step>> paths, Arena& arena,
                  Buffer& scratch, bool& found);

// Objects around the value, one per step, for parents that are missing.
Edited wrap(std::span<const Step> steps, const Value& value, Arena& arena, Buffer& scratch);

}  // namespace pipec::runtime::json
