// shout("hi") is "HI!": a family of one function.
#include <string>

#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"

namespace pipec::stdlib {

namespace {

Value shout(CallContext& context, Arguments arguments) {
  std::string text(arguments[0].text());
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return Value::string(context.arena().copy(text + "!"));
}

}  // namespace

void register_shouting(Registry& registry) {
  Family family(registry, "shouting");
  family.add("shout", {required("s", Type::string)}, Type::string,
             "The text in capitals, with an exclamation mark", {{R"(shout("hi"))", R"("HI!")"}}, shout);
}

}  // namespace pipec::stdlib
