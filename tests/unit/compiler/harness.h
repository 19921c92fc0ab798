// A small separate registry, and the compiler's answers as text.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipec/compiler/compile.h"
#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/source.h"
#include "pipec/runtime/registry.h"

namespace pipec::compiler::test {

// recv: file(path, follow:), numbers(template); sink: file(path, encode:, token:), null(); parse json, text;
// the functions upper, len, sum, map, has, fails, clock, pattern.
const runtime::Registry& registry();

struct Compiled {
  std::optional<graph::Plan> plan;
  std::vector<std::string> codes;  // of the diagnostics by place: "E0201"
  std::string text;                // all of them rendered

  bool has(const std::string& code) const;
  std::size_t count(const std::string& code) const;
};

// The file is called flow.pipe; `files` are what `use` can read.
Compiled compile_text(const std::string& text, const std::map<std::string, std::string>& files = {});
// Compiles `stages` after a `dlq discard`, so without the warning about dead letters.
Compiled compile_flow(const std::string& stages);

// The value of a constant expression as JSON, "error" where it does not compile, "not constant".
std::string value_of(const std::string& expression, const runtime::Registry& functions = registry());
std::vector<std::string> codes_of(const std::string& expression);

}  // namespace pipec::compiler::test
