// Every example of the standard library is compiled and evaluated: the documentation cannot be wrong.
#include <string>

#include "pipec/dsl/render.h"
#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "pipec/stdlib/register.h"
#include "support/catch.h"
#include "unit/compiler/harness.h"

using namespace pipec;
using namespace pipec::runtime;

namespace {

std::string evaluated(const std::string& expression, const Registry& registry) {
  dsl::DiagnosticSink sink;
  const dsl::SourceFile source(0, "example", expression);
  const auto program = compiler::compile_expression(source, registry, sink);
  if (!program) return sink.all().empty() ? "failed without a message" : "error: " + sink.all()[0].message;
  Evaluator evaluator(program);
  const Value value = evaluator.evaluate_alone();
  if (value.is_failed()) return "error: " + std::string(evaluator.failure().reason);
  BufferPool pool(1);
  BufferRef buffer = pool.get(0);
  append_json(value, *buffer);
  return std::string(buffer->view());
}

}  // namespace

TEST_CASE("every function's examples give the documented results") {
  Registry registry;
  stdlib::register_all(registry);
  for (const Function& function : registry.functions()) {
    CHECK_FALSE(function.examples.empty());
    for (const Example& example : function.examples) {
      const std::string result = evaluated(example.expression, registry);
      INFO(function.name << ": " << example.expression << " gave " << result
                         << ", documented: " << example.result);
      if (example.result == "error") {
        CHECK(result.rfind("error", 0) == 0);
      } else if (example.result.empty()) {
        CHECK(result.rfind("error", 0) != 0);
      } else {
        CHECK(result == example.result);
      }
    }
  }
}
