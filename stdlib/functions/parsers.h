// Parsers of common formats, each in its own file; parsing.cpp registers them.
#pragma once

#include "stdlib/functions/define.h"

namespace pipec::stdlib {

Value parse_url(CallContext& context, Arguments arguments);
Value parse_query(CallContext& context, Arguments arguments);
Value parse_logfmt(CallContext& context, Arguments arguments);
Value parse_clf(CallContext& context, Arguments arguments);
Value parse_csv(CallContext& context, Arguments arguments);
Value to_csv(CallContext& context, Arguments arguments);
// A delimiter that is not a single character is a compile error.
Prepared check_delimiter(Constants arguments);

}  // namespace pipec::stdlib
