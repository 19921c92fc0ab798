#include "unit/compiler/harness.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "pipec/dsl/render.h"
#include "pipec/runtime/json.h"

namespace pipec::compiler::test {

using namespace runtime;

namespace {

struct Nothing : Stage {
  Status process(Batch&, Scratch*, StageContext&) const override { return {}; }
};

struct Substring : Matcher {
  explicit Substring(std::string_view text) : part(text) {}
  bool search(std::string_view text) const override { return text.find(part) != std::string_view::npos; }
  std::string part;
};

Parameter parameter(const char* name, TypeSet types) {
  Parameter result;
  result.name = name;
  result.types = types;
  return result;
}

Function function(const char* name, std::vector<Parameter> parameters, TypeSet result, FunctionCode code) {
  Function made;
  made.name = name;
  made.family = "test";
  made.parameters = std::move(parameters);
  made.result = result;
  made.code = code;
  return made;
}

OptionSpec option(const char* name, OptionSpec::Kind kind, TypeSet types, bool required) {
  OptionSpec result;
  result.name = name;
  result.kind = kind;
  result.types = types;
  result.required = required;
  return result;
}

// These registrations are only compiled, never run.
struct Adding {
  void add(Function function) {
    // The compiler's own code handles paths.
    if (!function.code) function.code = [](CallContext&, std::span<const Value>) { return Value(); };
    must(all.add(std::move(function)));
  }
  void add(ReceiverSpec spec) {
    spec.make = [](const Options&, const ConnectorContext&) -> Result<std::unique_ptr<Receiver>> {
      return Error{"test", "never run", {}, {}};
    };
    must(all.add(std::move(spec)));
  }
  void add(SinkSpec spec) {
    spec.make = [](const Options&, const ConnectorContext&) -> Result<std::unique_ptr<Sink>> {
      return Error{"test", "never run", {}, {}};
    };
    must(all.add(std::move(spec)));
  }
  void add(FormatSpec spec) { must(all.add(std::move(spec))); }
  static void must(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message);
  }
  Registry& all;
};

void add_functions(Adding all) {
  all.add(function("upper", {parameter("s", Type::string)}, Type::string,
                   [](CallContext& c, std::span<const Value> a) {
                     std::string text(a[0].text());
                     for (char& each : text)
                       each = static_cast<char>(each >= 'a' && each <= 'z' ? each - 32 : each);
                     return Value::string(c.arena().copy(text));
                   }));
  Function sum = function("sum", {parameter("a", Type::array)}, TypeSet::number(),
                          [](CallContext&, std::span<const Value> a) {
                            std::int64_t total = 0;
                            ArrayWalker items(a[0]);
                            for (Value item; items.next(item);) total += item.as_int();
                            return Value::integer(total);
                          });
  sum.total = true;
  all.add(sum);
  Parameter lambda = parameter("f", TypeSet::any());
  lambda.kind = Parameter::Kind::lambda;
  all.add(function("map", {parameter("a", Type::array), lambda}, Type::array,
                   [](CallContext& c, std::span<const Value> a) {
                     std::vector<Value> made;
                     ArrayWalker items(a[0]);
                     for (Value item; items.next(item);) {
                       made.push_back(c.apply(1, std::span<const Value>(&item, 1)));
                       if (made.back().is_failed()) return Value::failed();
                     }
                     Value* kept = c.arena().allocate_array<Value>(made.size());
                     std::copy(made.begin(), made.end(), kept);
                     return Value::built_array(kept, static_cast<std::uint32_t>(made.size()));
                   }));
  Parameter path = parameter("path", TypeSet::any());
  path.kind = Parameter::Kind::path;
  Function has = function("has", {path}, Type::boolean, nullptr);
  all.add(has);
  all.add(function("fails", {parameter("why", Type::string)}, Type::integer,
                   [](CallContext& c, std::span<const Value> a) { return c.fail(a[0].text()); }));
  Function clock = function("clock", {}, Type::integer,
                            [](CallContext&, std::span<const Value>) { return Value::integer(7); });
  clock.pure = false;
  all.add(clock);
  Function pattern =
      function("pattern", {parameter("s", Type::string), parameter("re", Type::string)}, Type::boolean,
               [](CallContext&, std::span<const Value>) { return Value::boolean(true); });
  pattern.prepare = [](std::span<const std::optional<Value>> a) -> Result<std::shared_ptr<const void>> {
    if (a[1] && a[1]->text() == "(") return Error{"pattern", "missing )", {}, {}};
    return std::shared_ptr<const void>();
  };
  all.add(pattern);
  Parameter more = parameter("by", Type::integer);
  more.fallback = Value::integer(1);
  all.add(function(
      "next", {parameter("n", Type::integer), more}, Type::integer,
      [](CallContext&, std::span<const Value> a) { return Value::integer(a[0].as_int() + a[1].as_int()); }));
}

void add_connectors(Adding all) {
  ReceiverSpec file;
  file.name = "file";
  file.options = {option("path", OptionSpec::Kind::constant, Type::string, true),
                  option("follow", OptionSpec::Kind::constant, Type::boolean, false),
                  option("framing", OptionSpec::Kind::choice, TypeSet::any(), false)};
  file.options[2].choices = {"lines", "bytes"};
  file.positional = 1;
  file.resumable = true;
  file.check = [](const Options& given) -> Status {
    if (given.string("path").empty()) return Error{"option", "the path is empty", {}, {}};
    return {};
  };
  all.add(file);
  ReceiverSpec numbers;
  numbers.name = "numbers";
  numbers.options = {option("template", OptionSpec::Kind::per_record, TypeSet::any(), true)};
  numbers.positional = 1;
  all.add(numbers);
  SinkSpec sink;
  sink.name = "file";
  sink.options = {option("path", OptionSpec::Kind::per_record, Type::string, true),
                  option("encode", OptionSpec::Kind::choice, TypeSet::any(), false),
                  option("token", OptionSpec::Kind::constant, Type::string, false),
                  option("rotate", OptionSpec::Kind::constant, Type::integer, false),
                  option("flush", OptionSpec::Kind::constant, Type::duration, false),
                  option("ratio", OptionSpec::Kind::constant, Type::floating, false)};
  sink.options[1].choices = {"json", "text"};
  sink.options[2].secret = true;
  sink.positional = 1;
  sink.target = [](const Options& given) -> std::optional<std::string> {
    const auto program = given.program("path");
    if (!program || program->root.op != Op::constant) return std::nullopt;
    return "file:" + std::string(program->root.constant.text());
  };
  all.add(sink);
  SinkSpec null;
  null.name = "null";
  all.add(null);
  for (const char* name : {"json", "text"}) {
    FormatSpec format;
    format.name = name;
    FormatSpec::Parse& parser = format.parse.emplace();
    parser.options = {option("on_error", OptionSpec::Kind::choice, TypeSet::any(), false)};
    parser.options[0].choices = {"dlq", "skip", "fail"};
    parser.can_fail = std::string_view(name) == "json";
    parser.makes_strings = !parser.can_fail;
    parser.make = [](const Options&) -> Result<std::unique_ptr<Stage>> {
      return std::unique_ptr<Stage>(std::make_unique<Nothing>());
    };
    all.add(format);
  }
}

}  // namespace

const Registry& registry() {
  static const Registry kAll = [] {
    Registry all;
    add_functions({all});
    add_connectors({all});
    all.compile_pattern = [](std::string_view text) -> Result<std::shared_ptr<const Matcher>> {
      if (text == "(") return Error{"pattern", "missing )", {}, {}};
      return std::shared_ptr<const Matcher>(std::make_shared<Substring>(text));
    };
    return all;
  }();
  return kAll;
}

bool Compiled::has(const std::string& code) const {
  return count(code) != 0;
}
std::size_t Compiled::count(const std::string& code) const {
  return static_cast<std::size_t>(std::count(codes.begin(), codes.end(), code));
}

Compiled compile_text(const std::string& text, const std::map<std::string, std::string>& files) {
  dsl::SourceMap sources;
  dsl::DiagnosticSink sink;
  CompileOptions options;
  options.use = [&](const std::string& path) -> Result<const dsl::SourceFile*> {
    const auto found = files.find(path);
    if (found == files.end()) return Error{"io", "no such file", {}, {}};
    return &sources.add(path, found->second);
  };
  Compiled result;
  result.plan = compile(sources.add("flow.pipe", text), registry(), options, sink);
  sink.sort_by_place();
  for (const dsl::Diagnostic& each : sink.all()) result.codes.emplace_back(dsl::code_text(each.code));
  result.text = dsl::render_text(sink.all(), sources);
  return result;
}

Compiled compile_flow(const std::string& stages) {
  return compile_text("dlq discard\nrecv file(\"in\") | " + stages + " | sink null()\n");
}

std::string value_of(const std::string& expression, const Registry& functions) {
  dsl::DiagnosticSink sink;
  const dsl::SourceFile source(0, "expression", expression);
  const auto program = compile_expression(source, functions, sink);
  if (!program) return "error";
  if (program->root.op != Op::constant) return "not constant";
  BufferPool pool(1);
  BufferRef buffer = pool.get(0);
  append_json(program->root.constant, *buffer);
  return std::string(buffer->view());
}

std::vector<std::string> codes_of(const std::string& expression) {
  dsl::DiagnosticSink sink;
  const dsl::SourceFile source(0, "expression", expression);
  (void)compile_expression(source, registry(), sink);
  std::vector<std::string> codes;
  for (const dsl::Diagnostic& each : sink.all()) codes.emplace_back(dsl::code_text(each.code));
  return codes;
}

}  // namespace pipec::compiler::test
