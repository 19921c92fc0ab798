// The environment of the process, read once, when a program is compiled.
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"

namespace pipec::stdlib {

namespace {

using Variable = std::optional<std::string>;

// The value never stands in a message: it may be a secret.
Prepared read_environment(Constants arguments) {
  if (!arguments[0]) {
    return bad_argument("the name must be a constant: the environment is read once, when compiling");
  }
  const std::string name(arguments[0]->text());
  auto variable = std::make_shared<Variable>();
  if (const char* value = std::getenv(name.c_str())) *variable = value;
  return std::shared_ptr<const void>(std::move(variable));
}

Value env(CallContext& context, Arguments arguments) {
  const auto* variable = static_cast<const Variable*>(context.prepared());
  if (!variable) return context.fail("the environment was not read when compiling");
  return *variable ? Value::string(context.arena().copy(**variable)) : arguments[1];
}

}  // namespace

void register_environment(Registry& registry) {
  Family family(registry, "environment");
  family.add(
      "env",
      {required("name", Type::string), defaulted("default", TypeSet(Type::string) | Type::null, Value())},
      TypeSet(Type::string) | Type::null,
      "The environment variable, read once, when compiling; the default where it is not set",
      {{R"(env("PIPEC_NO_SUCH_VARIABLE", "none"))", R"("none")"}}, env, read_environment);
}

}  // namespace pipec::stdlib
