// The environment of the process, read once, when a program is compiled.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"

namespace pipec::stdlib {

namespace {

using Variable = std::optional<std::string>;

// The value never appears in a message: it may be a secret.
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

constexpr std::size_t kMaxSecret = std::size_t{64} << 10;

// No part of the content ever appears in a message.
Prepared read_secret(Constants arguments) {
  if (!arguments[0]) {
    return bad_argument("the path must be a constant: the file is read once, when compiling");
  }
  const std::string path(arguments[0]->text());
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return bad_argument("cannot read the file " + path + ": " + std::strerror(errno));
  auto secret = std::make_shared<Variable>(std::string(kMaxSecret + 1, '\0'));
  (*secret)->resize(std::fread((*secret)->data(), 1, kMaxSecret + 1, file.get()));
  if (std::ferror(file.get()) != 0) return bad_argument("cannot read the file " + path);
  if ((*secret)->size() > kMaxSecret) return bad_argument("the file " + path + " is larger than 64 KiB");
  while (!(*secret)->empty() && ((*secret)->back() == '\n' || (*secret)->back() == '\r'))
    (*secret)->pop_back();
  return std::shared_ptr<const void>(std::move(secret));
}

Value secret(CallContext& context, Arguments) {
  const auto* content = static_cast<const Variable*>(context.prepared());
  if (!content) return context.fail("the file was not read when compiling");
  return Value::string(context.arena().copy(**content));
}

}  // namespace

void register_environment(Registry& registry) {
  Family family(registry, "environment");
  family.add(
      "env",
      {required("name", Type::string), defaulted("default", TypeSet(Type::string) | Type::null, Value())},
      TypeSet(Type::string) | Type::null,
      "The environment variable, read once, when compiling; the default if it is not set",
      {{R"(env("PIPEC_NO_SUCH_VARIABLE", "none"))", R"("none")"}}, env, read_environment);
  family.add("secret", {required("path", Type::string)}, Type::string,
             "The content of a file without its last newline, read once, when compiling: for passwords",
             {{R"(secret("/dev/null"))", R"("")"}}, secret, read_secret);
}

}  // namespace pipec::stdlib
