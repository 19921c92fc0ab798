#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

Parameter parameter(std::string name, TypeSet types, std::optional<Value> fallback = std::nullopt) {
  Parameter p;
  p.name = std::move(name);
  p.types = types;
  p.fallback = fallback;
  return p;
}

Parameter lambda(std::uint8_t count, TypeSet result = TypeSet::any()) {
  Parameter p;
  p.name = "each";
  p.kind = Parameter::Kind::lambda;
  p.lambda_parameters = count;
  p.lambda_result = result;
  return p;
}

Function function(std::string name, std::vector<Parameter> parameters, FunctionCode code) {
  Function f;
  f.name = std::move(name);
  f.parameters = std::move(parameters);
  f.code = code;
  return f;
}

// The arguments that the code received, as an array.
Value show(CallContext& context, std::span<const Value> arguments) {
  Value* items = context.arena().allocate_array<Value>(arguments.size());
  std::uninitialized_copy(arguments.begin(), arguments.end(), items);
  return Value::built_array(items, static_cast<std::uint32_t>(arguments.size()));
}

Value is_plain(CallContext&, std::span<const Value> arguments) {
  return Value::boolean(arguments[0].form() == Value::Form::plain);
}

Value refuse(CallContext& context, std::span<const Value>) {
  return context.fail("not today");
}
Value fail_silently(CallContext&, std::span<const Value>) {
  return Value::failed();
}
Value bits(CallContext& context, std::span<const Value>) {
  return Value::integer(static_cast<std::int64_t>(context.random()));
}
Value prepared(CallContext& context, std::span<const Value>) {
  return context.prepared<int>() ? Value::integer(*context.prepared<int>()) : Value();
}

// Calls the lambda on every item.
Value each(CallContext& context, std::span<const Value> arguments) {
  const Value array = expand(arguments[0], context.arena());
  Value* items = context.arena().allocate_array<Value>(array.size());
  for (std::uint32_t i = 0; i < array.size(); ++i) {
    const Value parameters[] = {array.items()[i], Value::integer(i)};
    new (items + i) Value(context.apply(1, parameters));
    if (items[i].is_failed()) return items[i];
  }
  return Value::built_array(items, array.size());
}

// True where the lambda failed: functions may go on after a failure.
Value survives(CallContext& context, std::span<const Value>) {
  return Value::boolean(context.apply(0, {}).is_failed());
}

std::string of(const Build& build, Expression e, const std::string& record = "{}") {
  return evaluated(build.program(std::move(e)), record);
}

const TypeSet kString = TypeSet(Type::string);

}  // namespace

TEST_CASE("arguments are checked against the declared types", "[eval]") {
  Build b;
  const Function upper = function("upper", {parameter("s", kString)}, show);
  const Function pad = function(
      "pad",
      {parameter("s", kString), parameter("n", Type::integer), parameter("c", kString, Value::string(" "))},
      show);
  const Function len = function("len", {parameter("v", kString | Type::array | Type::object)}, show);
  const Function total = function("total", {parameter("n", TypeSet::number() | Type::null)}, show);

  CHECK(of(b, b.call(upper, {at(9, b.integer(1))})) == "!upper takes a string, got int @9");
  CHECK(of(b, b.call(upper, {at(9, b.null())})) == "!upper takes a string, got null @9");
  CHECK(of(b, b.call(upper, {at(9, b.field(".none"))})) == "!upper takes a string, got null @9");
  CHECK(of(b, b.call(len, {at(9, b.integer(1))})) == "!len takes a string, array or object, got int @9");
  CHECK(of(b, b.call(pad, {b.string("x"), at(9, b.floating(1))})) ==
        "!pad takes an int as 'n', got float @9");
  CHECK(of(b, b.call(total, {at(9, b.string("x"))})) == "!total takes a number or null, got string @9");
  CHECK(of(b, b.call(total, {b.null()})) == "[null]");
  CHECK(of(b, b.call(upper, {at(3, b.op(Op::divide, b.integer(1), b.integer(0)))})) ==
        "!division by zero @3");
}

TEST_CASE("numbers beyond 64 bits reach only functions that accept anything", "[eval]") {
  Build b;
  const Function abs = function("abs", {parameter("n", TypeSet::number())}, show);
  const Function string = function("string", {parameter("v", TypeSet::any())}, show);
  const std::string record = R"({"a":123456789012345678901234567890})";
  CHECK(of(b, b.call(abs, {at(2, b.field(".a"))}), record) ==
        "!abs takes a number, got a number beyond 64 bits @2");
  CHECK(of(b, b.call(string, {b.field(".a")}), record) == "[123456789012345678901234567890]");
}

TEST_CASE("defaults are filled in and strings come decoded", "[eval]") {
  Build b;
  const Function pad = function("pad",
                                {parameter("s", kString), parameter("n", Type::integer, Value::integer(3)),
                                 parameter("c", kString, Value::string("-"))},
                                show);
  const Function plain = function("plain", {parameter("s", kString)}, is_plain);
  CHECK(of(b, b.call(pad, {b.string("x")})) == R"(["x",3,"-"])");
  CHECK(of(b, b.call(pad, {b.string("x"), b.integer(4)})) == R"(["x",4,"-"])");
  CHECK(of(b, b.call(plain, {b.field(".s")}), R"({"s":"a\tb"})") == "true");
}

TEST_CASE("many arguments", "[eval]") {
  Build b;
  std::vector<Parameter> parameters;
  std::vector<Expression> arguments;
  for (int i = 0; i < 7; ++i) {
    parameters.push_back(parameter("p" + std::to_string(i), TypeSet::any()));
    arguments.push_back(b.integer(i));
  }
  const Function many = function("many", parameters, show);
  CHECK(of(b, b.call(many, arguments)) == "[0,1,2,3,4,5,6]");
}

TEST_CASE("a failing function reports its name and reason at the call's place, and can be caught", "[eval]") {
  Build b;
  const Function no = function("no", {}, refuse);
  const Function silent = function("silent", {}, fail_silently);
  CHECK(of(b, at(5, b.call(no, {}))) == "!no: not today @5");
  CHECK(of(b, at(5, b.call(silent, {}))) == "!silent: failed @5");
  CHECK(of(b, b.op(Op::catch_error, b.call(no, {}), b.integer(1))) == "1");
}

TEST_CASE("lambdas see their parameters, the record and each other's", "[eval]") {
  Build b;
  const Function map = function("map", {parameter("a", Type::array), lambda(2)}, each);
  const std::uint32_t outer = b.new_local();
  const std::uint32_t outer_index = b.new_local();
  const std::uint32_t inner = b.new_local();
  b.new_local();
  CHECK(of(b, b.call(map, {b.field(".a"), b.op(Op::add, b.local(outer), b.field(".n"))}, {0, outer}),
           R"({"a":[1,2,3],"n":10})") == "[11,12,13]");
  CHECK(of(b, b.call(map, {b.field(".a"), b.local(outer_index)}, {0, outer}), R"({"a":["x","y"]})") ==
        "[0,1]");
  Expression nested =
      b.call(map, {b.local(outer), b.op(Op::multiply, b.local(inner), b.local(outer_index))}, {0, inner});
  CHECK(of(b, b.call(map, {b.field(".a"), std::move(nested)}, {0, outer}), R"({"a":[[1],[2,3]]})") ==
        "[[0],[2,3]]");
}

TEST_CASE("a lambda's failure keeps its own place, its result is checked", "[eval]") {
  Build b;
  const Function map = function("map", {parameter("a", Type::array), lambda(1)}, each);
  const Function filter = function("filter", {parameter("a", Type::array), lambda(1, Type::boolean)}, each);
  const Function survive = function("survive", {lambda(0)}, survives);
  const std::uint32_t x = b.new_local();
  const Expression ones = b.array({b.integer(1)});
  CHECK(of(b, at(2, b.call(map, {ones, at(8, b.op(Op::add, b.local(x), b.string("s")))}, {0, x}))) ==
        "!`+` does not take int and string @8");
  CHECK(of(b, at(2, b.call(filter, {ones, at(8, b.local(x))}, {0, x}))) ==
        "!what filter calls must give a bool, got int @8");
  CHECK(of(b, b.call(survive, {b.op(Op::divide, b.integer(1), b.integer(0))}, {0})) == "true");
}

TEST_CASE("the result of prepare is passed to the call", "[eval]") {
  Build b;
  const Function f = function("f", {}, prepared);
  CHECK(of(b, b.call(f, {})) == "null");
  Expression e = b.call(f, {});
  e.prepared = std::make_shared<const int>(17);
  CHECK(of(b, std::move(e)) == "17");
}

TEST_CASE("seeded random bits depend on the seed and the record's position alone", "[eval]") {
  Build b;
  const Function f = function("random", {}, bits);
  const auto program = b.program(b.array({b.call(f, {}), b.call(f, {})}));
  const auto draw = [&](std::uint64_t seed, std::vector<std::uint64_t> sequences) {
    Evaluator evaluator(program);
    evaluator.seed(seed);
    std::string all;
    for (const std::uint64_t sequence : sequences) all = to_json(evaluator.evaluate_alone(sequence));
    return all;
  };
  CHECK(draw(1, {0, 1, 2, 3}) == draw(1, {3}));
  CHECK(draw(1, {3}) != draw(1, {4}));
  CHECK(draw(1, {3}) != draw(2, {3}));

  Evaluator evaluator(program);
  evaluator.seed(7);
  const Value pair = evaluator.evaluate_alone(0);
  CHECK(pair.items()[0].as_int() != pair.items()[1].as_int());

  Evaluator one(program);
  Evaluator other(program);
  CHECK(to_json(one.evaluate_alone(0)) != to_json(other.evaluate_alone(0)));  // unseeded ones differ
}
