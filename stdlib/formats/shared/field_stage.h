#pragma once

#include <memory>
#include <string_view>

#include "stdlib/formats/shared/text_format.h"

namespace pipec::stdlib {

// Parses the string in a field of each record. The result goes into the field `into`, or is merged into the
// record; all other bytes stay as they are.
std::unique_ptr<runtime::Stage> make_field_stage(std::string_view name, runtime::OnError on_error,
                                                 const runtime::RecordPath& from,
                                                 const runtime::RecordPath* into,
                                                 std::unique_ptr<const TextFormat> format);

}  // namespace pipec::stdlib
