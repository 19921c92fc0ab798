// unroll(.items): one record for each item of an array. Built here as a transform:
//   for x in e { into = x; emit the record as it is } drop
#include <algorithm>
#include <optional>

#include "pipec/runtime/evaluate.h"
#include "stdlib/stages/stages.h"

namespace pipec::stdlib {

namespace {

using runtime::Expression;
using runtime::Op;
using runtime::OptionSpec;
using runtime::PathSegment;
using runtime::Program;
using runtime::RecordPath;
using runtime::Result;
using runtime::Statement;
using runtime::Status;
using runtime::Type;
using runtime::TypeSet;
using runtime::Value;

// The field that the expression reads, if that is all it does.
std::optional<RecordPath> field_of(const Program& program) {
  const Expression& root = program.root;
  if (root.op != Op::field || root.path.whole) return std::nullopt;
  RecordPath path;
  path.text = root.path.text;
  path.segments.emplace_back().key = program.fields.keys[root.path.slot];
  for (const PathSegment& segment : root.path.below) {
    if (segment.kind == PathSegment::Kind::computed) return std::nullopt;
    path.segments.push_back(segment);
  }
  return path;
}

std::optional<RecordPath> target_of(const runtime::Options& options) {
  if (const RecordPath* into = options.path("into")) return *into;
  return field_of(*options.program("array"));
}

Status check_unroll(const runtime::Options& options) {
  const auto target = target_of(options);
  if (!target)
    return runtime::Error{
        "plan", "'into' is needed if the array is not a field of the record", {}, {}, false};
  if (target->segments.empty() || target->segments[0].kind != PathSegment::Kind::key) {
    return runtime::Error{"plan", "'into' is a field of the record, such as .item", {}, {}, false};
  }
  return {};
}

Expression local(std::uint32_t number, const runtime::Place& place) {
  Expression expression;
  expression.op = Op::local;
  expression.local = number;
  expression.place = place;
  return expression;
}

Expression compared(Op op, Expression left, Value right) {
  Expression constant;
  constant.constant = right;
  constant.place = left.place;
  Expression expression;
  expression.op = op;
  expression.place = left.place;
  expression.types = Type::boolean;
  expression.children.push_back(std::move(left));
  expression.children.push_back(std::move(constant));
  return expression;
}

Result<std::shared_ptr<const runtime::Stage>> make_unroll(const runtime::Options& options,
                                                          const runtime::StageSetup& setup) {
  const Program& array = *options.program("array");
  const runtime::Place place = array.root.place;
  auto program = std::make_shared<runtime::TransformProgram>();
  program->fields = array.fields;
  program->constants = array.constants;
  program->locals = array.locals + 2;
  const std::uint32_t items = array.locals;
  const std::uint32_t item = array.locals + 1;

  const RecordPath into = *target_of(options);
  runtime::Path target;
  target.text = into.text;
  target.slot = program->fields.slot_of(into.segments[0].key);
  target.below.assign(into.segments.begin() + 1, into.segments.end());
  const auto set = [&](Expression value) {
    Statement statement;
    statement.kind = Statement::Kind::set;
    statement.place = place;
    statement.targets = {target};
    statement.expressions.push_back(std::move(value));
    return statement;
  };
  const auto simple = [&](Statement::Kind kind) {
    Statement statement;
    statement.kind = kind;
    statement.place = place;
    return statement;
  };

  Statement bind = simple(Statement::Kind::let);
  bind.local = items;
  bind.expressions.push_back(array.root);
  Statement loop = simple(Statement::Kind::loop);
  loop.items_only = true;
  loop.text = "unroll";
  loop.local = item;
  loop.expressions.push_back(local(items, place));
  loop.body.push_back(set(local(item, place)));
  loop.body.push_back(simple(Statement::Kind::emit));
  loop.body.back().as_it_stands = true;
  program->body.push_back(std::move(bind));
  program->body.push_back(std::move(loop));
  if (options.boolean("keep_empty", false)) {
    Statement some = simple(Statement::Kind::branch);
    Expression both;
    both.op = Op::logical_and;
    both.place = place;
    both.types = Type::boolean;
    both.children.push_back(compared(Op::not_equal, local(items, place), Value{}));
    both.children.push_back(compared(Op::not_equal, local(items, place), Value::built_array(nullptr, 0)));
    some.expressions.push_back(std::move(both));
    some.body.push_back(simple(Statement::Kind::drop));
    program->body.push_back(std::move(some));
    program->body.push_back(set(Expression{}));  // null
  } else {
    program->body.push_back(simple(Statement::Kind::drop));
  }
  runtime::TransformOptions transform;
  transform.program = std::move(program);
  transform.on_malformed = setup.on_malformed;
  return runtime::make_transform(std::move(transform));
}

}  // namespace

void register_unroll(runtime::Registry& registry) {
  runtime::StageSpec spec;
  spec.name = "unroll";
  spec.doc =
      "One record for each item of an array, everything else copied; none if it is null, missing or empty";
  OptionSpec array;
  array.name = "array";
  array.kind = OptionSpec::Kind::per_record;
  array.types = TypeSet(Type::array) | Type::null;
  array.required = true;
  array.doc = "the array; a value that is neither an array nor null makes the record a dead letter";
  OptionSpec into;
  into.name = "into";
  into.kind = OptionSpec::Kind::path;
  into.doc = "the field that gets the item (default: the array's own field)";
  OptionSpec keep_empty;
  keep_empty.name = "keep_empty";
  keep_empty.types = Type::boolean;
  keep_empty.fallback = Value::boolean(false);
  keep_empty.doc = "a record without items is passed on once, with null";
  spec.options = {array, into, keep_empty};
  spec.positional = 1;
  spec.check = check_unroll;
  spec.make = make_unroll;
  spec.refusals = [](const runtime::Options& options) -> std::vector<std::string> {
    const auto target = target_of(options);
    const bool top = target && target->segments.size() == 1;
    return {top ? "a record that is not an object"
                : "setting a field of a value that is not an object, an index out of bounds"};
  };
  spec.facts = [](const runtime::Options& options) -> std::vector<std::string> {
    return {"sets " + target_of(options)->text, "may emit several records for one"};
  };
  spec.examples = {
      {"unroll(.items)",
       {R"({"id": 7, "items": ["a", "b"]})", R"({"id": 8, "items": []})"},
       {R"({"id": 7, "items": "a"})", R"({"id": 7, "items": "b"})"}},
      {"unroll(.items, into: .item)", {R"({"items":[1]})"}, {R"({"items":[1],"item":1})"}},
      {"unroll(split(.tags ?? \"none\", \",\"), into: .tag)",
       {R"({"tags":"x,y"})", R"({})"},
       {R"({"tags":"x,y","tag":"x"})", R"({"tags":"x,y","tag":"y"})", R"({"tag":"none"})"}},
      {"unroll(.items, keep_empty: true)",
       {R"({"id":7,"items":[]})", R"({"id":8})"},
       {R"({"id":7,"items":null})", R"({"id":8,"items":null})"}},
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
