// A format that the program adds to the language: read, parsed and written by name like a built-in one.
#include <cstdio>
#include <fstream>
#include <string>

#include "pipec/compiler/compile.h"
#include "pipec/graph/pipeline.h"
#include "pipec/stdlib/register.h"
#include "psv.h"

using namespace pipec;

namespace {

constexpr const char* kText = R"(
dlq discard

recv file("orders.psv", framing: psv)
| parse psv(columns: ["item", "count"])
| transform { .item = upper(.item) }
| sink file("large.psv", encode: psv(columns: ["count", "item"]))
)";

}  // namespace

int main() {
  std::ofstream("orders.psv") << "tea|3;cake|2;";
  std::remove("large.psv");

  runtime::Registry registry;
  stdlib::register_all(registry);
  if (const auto added = psv::add(registry); !added) {
    std::fprintf(stderr, "%s\n", added.error().message.c_str());
    return 1;
  }

  // The format's own options are checked like all others.
  if (auto wrong = compiler::compile_text("wrong.pipe", "recv stdin() | sink stdout(encode: psv)", registry);
      !wrong)
    std::printf("%s\n", wrong.error().message.c_str());

  auto plan = compiler::compile_text("orders.pipe", kText, registry);
  if (!plan) {
    std::fprintf(stderr, "%s\n", plan.error().message.c_str());
    return 1;
  }
  auto pipeline = graph::Pipeline::make(std::move(*plan), {});
  if (!pipeline) {
    std::fprintf(stderr, "%s\n", pipeline.error().message.c_str());
    return 1;
  }
  const graph::Outcome outcome = (*pipeline)->run();
  if (outcome.error) {
    std::fprintf(stderr, "%s\n", outcome.error->message.c_str());
    return 1;
  }
  std::ifstream written("large.psv");
  for (std::string line; std::getline(written, line);) std::printf("%s\n", line.c_str());
  return 0;
}
