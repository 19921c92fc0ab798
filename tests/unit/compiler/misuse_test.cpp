// Wrong use of the registry, and own code that throws: errors, never crashes, never a wrong choice without a
// word.
#include <stdexcept>
#include <string>
#include <vector>

#include "pipec/compiler/compile.h"
#include "pipec/graph/pipeline.h"
#include "pipec/stdlib/memory.h"
#include "pipec/stdlib/register.h"
#include "support/catch.h"

using namespace pipec;
using namespace pipec::runtime;

namespace {

Function function(std::string name, FunctionCode code) {
  Function made;
  made.name = std::move(name);
  made.family = "own";
  made.parameters.emplace_back().name = "x";
  made.code = code;
  return made;
}

Value one(CallContext&, std::span<const Value>) {
  return Value::integer(1);
}

Value throws(CallContext&, std::span<const Value>) {
  throw std::runtime_error("boom in code");
}

SinkSpec sink(std::string name) {
  SinkSpec spec;
  spec.name = std::move(name);
  spec.make = [](const Options&, const ConnectorContext&) -> Result<std::unique_ptr<Sink>> {
    return Error{"test", "not made", {}, {}};
  };
  return spec;
}

// The message of what does not compile.
std::string refused(const std::string& text, const Registry& registry) {
  auto plan = compiler::compile_text("flow.pipe", text, registry);
  return plan ? "" : plan.error().message;
}

bool holds(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("D12 the registry rejects a name that is taken, no name, and no code, and keeps its entries") {
  Registry registry;
  CHECK(registry.add(function("f", one)));
  CHECK(registry.problem());
  const auto why = [](const Status& status) { return status ? std::string() : status.error().message; };
  CHECK(why(registry.add(function("f", throws))) == "there is a function 'f' already");
  const auto* kept = registry.function("f")->code.target<Value (*)(CallContext&, std::span<const Value>)>();
  REQUIRE(kept);
  CHECK(*kept == one);
  CHECK(why(registry.add(function("g", nullptr))) == "the function 'g' has no code");
  CHECK(why(registry.add(function("", one))) == "a function has no name");
  CHECK(registry.functions().size() == 1);

  CHECK(why(registry.add(sink("s"))) == "");
  CHECK(why(registry.add(sink("s"))) == "there is a sink 's' already");
  SinkSpec empty = sink("t");
  empty.make = nullptr;
  CHECK(why(registry.add(empty)) == "the sink 't' has no 'make'");
  SinkSpec many = sink("u");
  many.positional = 1;
  CHECK(why(registry.add(many)) == "the sink 'u' has fewer options than are positional");
  ReceiverSpec receiver;
  receiver.name = "r";
  CHECK(why(registry.add(receiver)) == "the receiver 'r' has no 'make'");
  FormatSpec format;
  format.name = "p";
  CHECK(why(registry.add(format)) == "the format 'p' does nothing");
  format.parse.emplace();
  CHECK(why(registry.add(format)) == "the format 'p' has no 'make'");
  format.parse.reset();
  format.encode.emplace();
  CHECK(why(registry.add(format)) == "the format 'p' has no 'make'");
  format.encode.reset();
  format.frame.emplace();
  format.frame->positional = 1;
  CHECK(why(registry.add(format)) == "the format 'p' has fewer options than are positional");
  CHECK(why(registry.problem()) == "there is a function 'f' already");
}

TEST_CASE(
    "D12 an entry that the registry rejected is an error of compile_text, even if it took a name of "
    "pipec's") {
  Registry clean;
  stdlib::register_all(clean);
  CHECK(clean.problem());
  Registry registry;
  CHECK(registry.add(function("upper", one)));
  stdlib::register_all(registry);
  CHECK(refused("recv stdin() | sink null()", registry) == "there is a function 'upper' already");
}

TEST_CASE("D12 own code that throws while a text is compiled is an error with its place") {
  Registry registry;
  stdlib::register_all(registry);
  REQUIRE(registry.add(function("breaks", throws)));
  Function prepared = function("prepares", one);
  prepared.prepare = [](std::span<const std::optional<Value>>) -> Result<std::shared_ptr<const void>> {
    throw std::runtime_error("boom in prepare");
  };
  REQUIRE(registry.add(prepared));
  SinkSpec checks = sink("checks"), targets = sink("targets"), joins = sink("joins");
  checks.check = [](const Options&) -> Status { throw std::runtime_error("boom in check"); };
  targets.target = [](const Options&) -> std::optional<std::string> {
    throw std::runtime_error("boom in target");
  };
  joins.join = [](std::size_t, std::span<const ConnectorUse>, PipelineTraits&) -> Status {
    throw std::runtime_error("boom in join");
  };
  SinkSpec writes = sink("writes");
  writes.writes = [](const Options&) -> std::vector<PathPieces> {
    throw std::runtime_error("boom in writes");
  };
  for (SinkSpec* spec : {&checks, &targets, &joins, &writes}) REQUIRE(registry.add(*spec));
  ReceiverSpec source;
  source.name = "source";
  source.make = [](const Options&, const ConnectorContext&) -> Result<std::unique_ptr<Receiver>> {
    return Error{"test", "not made", {}, {}};
  };
  source.check = [](const Options&) -> Status { throw std::runtime_error("boom in check"); };
  REQUIRE(registry.add(source));
  ReceiverSpec reads = source;
  reads.name = "reads";
  reads.check = nullptr;
  reads.reads = [](const Options&) -> std::vector<std::string> { throw std::runtime_error("boom in reads"); };
  REQUIRE(registry.add(reads));
  FormatSpec parser;
  parser.name = "own";
  parser.parse.emplace();
  parser.parse->make = [](const Options&) -> Result<std::unique_ptr<Stage>> {
    throw std::runtime_error("boom in make");
  };
  REQUIRE(registry.add(parser));
  FormatSpec nothing = parser;
  nothing.name = "nothing";
  nothing.parse->make = [](const Options&) -> Result<std::unique_ptr<Stage>> {
    return std::unique_ptr<Stage>();
  };
  REQUIRE(registry.add(nothing));

  struct Case {
    std::string text, said;
  };
  for (const Case& each : std::vector<Case>{
           {"recv stdin() | filter breaks(1) == 1 | sink null()", "boom in code"},
           {"recv stdin() | filter prepares(1) == 1 | sink null()", "boom in prepare"},
           {"recv stdin() | sink checks()", "boom in check"},
           {"recv source() | sink null()", "boom in check"},
           {"recv stdin() | sink targets()", "boom in target"},
           {"recv stdin() | sink joins()", "boom in join"},
           {"recv stdin() | sink writes()", "boom in writes"},
           {"recv reads() | sink null()", "boom in reads"},
           {"recv stdin() | parse own | sink null()", "boom in make"},
           {"recv stdin() | parse nothing | sink null()", "its factory returned nothing"},
       }) {
    const std::string said = refused(each.text, registry);
    CHECK(holds(said, each.said));
    CHECK(holds(said, "flow.pipe:1:"));
  }
  compiler::CompileOptions options;
  options.use = [](const std::string&) -> Result<const dsl::SourceFile*> {
    throw std::runtime_error("boom in use");
  };
  auto used = compiler::compile_text("flow.pipe", "use \"other.pipe\"\nrecv stdin() | sink null()", registry,
                                     options);
  REQUIRE_FALSE(used);
  CHECK(holds(used.error().message, "boom in use"));
}

TEST_CASE(
    "D12 a function that throws at a record ends the run with an error that names the stage and place") {
  auto channels = std::make_shared<stdlib::MemoryChannels>();
  Registry registry;
  stdlib::register_memory(registry, channels);
  stdlib::register_all(registry);
  REQUIRE(registry.add(function("breaks", throws)));
  REQUIRE(registry.add(function("applies", [](CallContext& context, std::span<const Value> arguments) {
    return context.apply(0, arguments);
  })));
  REQUIRE(registry.add(function("applies_more", [](CallContext& context, std::span<const Value> arguments) {
    return context.apply(7, arguments);
  })));
  const auto run = [&](const std::string& call) {
    const auto channel = channels->channel(call);
    channel->push({"{\"a\":1}"});
    channel->close();
    auto plan = compiler::compile_text(
        "flow.pipe", "recv memory(\"" + call + "\") | transform { .b = " + call + " } | sink null()",
        registry);
    REQUIRE(plan);
    auto made = graph::Pipeline::make(std::move(*plan), {});
    REQUIRE(made);
    return (*made)->run();
  };
  const graph::Outcome thrown = run("breaks(.a)");
  REQUIRE(thrown.error);
  CHECK(thrown.error->message == "exception: boom in code");
  CHECK(thrown.error->node == "transform");
  CHECK(holds(thrown.error->place, "flow.pipe:1:"));
  for (const char* name : {"applies", "applies_more"}) {
    const graph::Outcome applied = run(std::string(name) + "(.a)");
    REQUIRE(applied.error);
    CHECK(applied.error->code == "dead_letter");
    CHECK(holds(applied.error->message,
                std::string(name) + ": its code calls an argument that is not a function"));
  }
}

TEST_CASE("an omitted option has its fallback in make(), and is not marked as given") {
  struct Seen {
    std::string text, choice;
    std::int64_t number = 0;
    double ratio = 0;
    bool flag = false, given = false;
  };
  const auto option = [](const char* name, TypeSet types, Value fallback) {
    OptionSpec spec;
    spec.name = name;
    spec.types = types;
    spec.fallback = fallback;
    return spec;
  };
  auto seen = std::make_shared<Seen>();
  SinkSpec spec = sink("own");
  spec.options = {option("text", Type::string, Value::string("here")),
                  option("number", Type::integer, Value::integer(7)),
                  option("ratio", Type::floating, Value::floating(0.5)),
                  option("flag", Type::boolean, Value::boolean(true)),
                  option("choice", TypeSet::any(), Value::string("b"))};
  spec.options[4].kind = OptionSpec::Kind::choice;
  spec.options[4].choices = {"a", "b"};
  spec.make = [seen](const Options& options, const ConnectorContext&) -> Result<std::unique_ptr<Sink>> {
    *seen = {std::string(options.string("text", "not this")),
             std::string(options.string("choice")),
             options.integer("number", -1),
             options.number("ratio", -1),
             options.boolean("flag", false),
             options.given("text") || options.given("number")};
    return Error{"test", "seen", {}, {}};
  };
  Registry registry;
  stdlib::register_all(registry);
  REQUIRE(registry.add(spec));
  const auto make = [&](const std::string& text) {
    auto plan = compiler::compile_text("flow.pipe", text, registry);
    REQUIRE(plan);
    auto made = graph::Pipeline::make(std::move(*plan), {});
    REQUIRE(made);
    CHECK((*made)->run().error);
  };
  make("recv generate(count: 1, template: {}) | sink own()");
  CHECK(seen->text == "here");
  CHECK(seen->choice == "b");
  CHECK(seen->number == 7);
  CHECK(seen->ratio == 0.5);
  CHECK(seen->flag);
  CHECK_FALSE(seen->given);
  make("recv generate(count: 1, template: {}) | sink own(number: 3, flag: false, choice: a)");
  CHECK(seen->number == 3);
  CHECK_FALSE(seen->flag);
  CHECK(seen->choice == "a");
  CHECK(seen->text == "here");
  CHECK(seen->given);
}
