// parse_clf: the access logs of web servers, in the common or the combined format.
#include <vector>

#include "stdlib/formats/access_log/log_format.h"
#include "stdlib/functions/builders.h"
#include "stdlib/functions/parsers.h"
#include "stdlib/functions/quote.h"

namespace pipec::stdlib {

Value parse_clf(CallContext& context, Arguments arguments) {
  thread_local std::vector<runtime::Member> fields;
  const std::string_view line = arguments[0].text();
  for (const std::size_t format : {0, 1}) {
    fields.clear();
    std::size_t at = 0;
    if (known_log_formats()[format].read(line, context.arena(), fields, at)) continue;
    ListBuilder<runtime::Member> members(context.arena(), fields.size());
    for (const runtime::Member& field : fields) members.push(field);
    return finished(members);
  }
  return context.fail("not a line of an access log: " + quote(line));
}

}  // namespace pipec::stdlib
