// Calls: checks arguments here for all functions, so that their code can rely on their declarations.
#include <array>
#include <new>

#include "pipec/runtime/json.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/type_words.h"

namespace pipec::runtime::eval {

class Interpreter::Call final : public CallContext {
 public:
  Call(Interpreter& interpreter, const Expression& expression)
      : interpreter_(interpreter), expression_(expression) {
    arena_ = &interpreter.arena_;
    clock_ = &interpreter.clock_;
    prepared_ = expression.prepared.get();
  }

  Value fail(std::string_view reason) override {
    failed_ = true;
    return interpreter_.fail(expression_.place, {expression_.function->name, ": ", reason});
  }

  Value apply(std::size_t argument, std::span<const Value> parameters) override {
    const std::vector<Parameter>& declared_all = expression_.function->parameters;
    if (argument >= declared_all.size() || declared_all[argument].kind != Parameter::Kind::lambda ||
        argument >= expression_.children.size()) {
      return fail("its code calls an argument that is not a function");
    }
    const Expression& body = expression_.children[argument];
    const Parameter& declared = declared_all[argument];
    const std::uint32_t first = expression_.lambda_locals[argument];
    for (std::uint32_t i = 0; i < parameters.size() && i < declared.lambda_parameters; ++i) {
      interpreter_.locals_[first + i] = parameters[i];
    }
    const Value result = interpreter_.evaluate(body);
    if (result.is_failed()) {
      failed_ = true;
    } else if (!declared.lambda_result.has(result.type())) {
      failed_ = true;
      TypeWords words(declared.lambda_result);
      return interpreter_.fail(body.place, {"what ", expression_.function->name, " calls must give ",
                                            words.text(), ", got ", type_name(result.type())});
    }
    return result;
  }

  std::uint64_t random() override { return interpreter_.random_.next(); }

  // Whether fail() or a lambda has reported a failure.
  bool failed() const { return failed_; }

 private:
  Interpreter& interpreter_;
  const Expression& expression_;
  bool failed_ = false;
};

bool Interpreter::argument(const Expression& expression, std::size_t number, Value* value) {
  const Function& function = *expression.function;
  const Parameter& parameter = function.parameters[number];
  if (parameter.kind != Parameter::Kind::value) {
    new (value) Value();
    return true;
  }
  if (number >= expression.children.size()) {
    new (value) Value(parameter.fallback.value_or(Value()));
    return true;
  }
  const Expression& child = expression.children[number];
  new (value) Value(evaluate(child));
  if (value->is_failed()) return false;
  const bool takes = parameter.types.has(value->type());
  // A function that takes numbers calculates with them; one that takes anything may pass them on as they are.
  if (takes && !(value->is_beyond() && parameter.types != TypeSet::any())) {
    if (value->is_escaped()) *value = decoded(*value, arena_);
    return true;
  }
  const TypeWords words(parameter.types);
  const bool several = function.parameters.size() > 1;
  fail(child.place, {function.name, " takes ", words.text(), several ? " as '" : "",
                     several ? std::string_view(parameter.name) : "", several ? "'" : "", ", got ",
                     takes ? "a number beyond 64 bits" : type_name(value->type())});
  return false;
}

Value Interpreter::call(const Expression& expression) {
  constexpr std::size_t kOnStack = 4;
  const std::size_t count = expression.function->parameters.size();
  std::array<Value, kOnStack> few;
  Value* arguments = count <= kOnStack ? few.data() : arena_.allocate_array<Value>(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!argument(expression, i, arguments + i)) return Value::failed();
  }
  Call context(*this, expression);
  const Value result = expression.function->code(context, {arguments, count});
  if (result.is_failed() && !context.failed()) return context.fail("failed");
  return result;
}

}  // namespace pipec::runtime::eval
