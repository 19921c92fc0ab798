// Pipelines as text inside a program: a function of the program that the text can call, channels for the
// program's own data, and readable compile errors.
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "pipec/compiler/compile.h"
#include "pipec/graph/pipeline.h"
#include "pipec/stdlib/memory.h"
#include "pipec/stdlib/register.h"

using namespace pipec;

namespace {

using Prices = std::map<std::string, double, std::less<>>;

// price(item): a look-up in a table of this program.
runtime::Function price_function(std::shared_ptr<const Prices> prices) {
  runtime::Function function;
  function.name = "price";
  function.family = "shop";
  function.parameters = {{.name = "item", .types = runtime::Type::string}};
  function.result = runtime::Type::floating;
  function.doc = "The price of an item";
  function.examples = {{.expression = "price(\"tea\")", .result = "2.5"}};
  function.code = [prices](runtime::CallContext& context, std::span<const runtime::Value> arguments) {
    const auto found = prices->find(arguments[0].text());
    if (found == prices->end())
      return context.fail("no such item");  // a dead letter, unless a `catch` handles it
    return runtime::Value::floating(found->second);
  };
  return function;
}

constexpr const char* kText = R"(
dlq memory("unknown")

recv memory("orders")
| parse json
| transform { .total = price(.item) * .count ; del(.count) }
| filter .total > 5
| sink memory("large")
)";

}  // namespace

int main() {
  auto channels = std::make_shared<stdlib::MemoryChannels>();
  auto prices = std::make_shared<const Prices>(Prices{{"tea", 2.5}, {"cake", 4.0}});
  runtime::Registry registry;  // outlives every plan that is compiled with it
  stdlib::register_memory(registry, channels);
  stdlib::register_all(registry);
  if (const auto added = registry.add(price_function(prices)); !added) {
    std::fprintf(stderr, "%s\n", added.error().message.c_str());
    return 1;
  }

  // A compile error has the place and a hint.
  if (auto wrong = compiler::compile_text("wrong.pipe",
                                          "recv memory(\"a\") | filter prize(.x) > 1 | sink null", registry);
      !wrong) {
    std::printf("%s\n", wrong.error().message.c_str());
  }

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

  // The program continues while the pipeline runs.
  graph::Outcome outcome;
  std::thread runner([&] { outcome = (*pipeline)->run(); });
  const auto orders = channels->channel("orders");
  for (const char* order : {R"({"item":"tea","count":3})", R"({"item":"tea","count":1})",
                            R"({"item":"cake","count":2})", R"({"item":"gold","count":1})"}) {
    orders->push({order});
  }
  orders->close();  // the end of the input; without it, (*pipeline)->stop() ends the run
  runner.join();

  for (const stdlib::MemoryRecord& record : channels->channel("large")->take()) {
    std::printf("%s\n", record.payload.c_str());
  }
  std::printf("%zu order of an unknown item, %llu orders committed\n",
              channels->channel("unknown")->take().size(),
              static_cast<unsigned long long>(orders->committed()));
  if (outcome.error) std::fprintf(stderr, "%s\n", outcome.error->message.c_str());
  return outcome.error ? 1 : 0;
}
