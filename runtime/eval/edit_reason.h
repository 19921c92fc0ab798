// Why an edit of a record was rejected, in the user's terms.
#pragma once

#include <span>
#include <string_view>

#include "pipec/runtime/program.h"
#include "runtime/eval/interpreter.h"
#include "runtime/record/record_view.h"

namespace pipec::runtime::eval {

inline constexpr std::string_view kNoSuchNumber = "MsgPack cannot represent a number beyond 64 bits";

// ".a is a string, not an object: cannot set .a.b". `doing`: "set", "delete". Sets the interpreter's failure.
void explain_edit(Interpreter& interpreter, const FieldSet& fields, const Place& place,
                  std::string_view doing, record::Edit edit, const Path& path,
                  std::span<const record::Step> steps);

}  // namespace pipec::runtime::eval
