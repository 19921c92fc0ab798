#include "pipec/runtime/evaluate.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/malformed.h"
#include "runtime/eval/usage.h"

namespace pipec::runtime {

struct Evaluator::State {
  State(std::shared_ptr<const Program> given, const Clock& clock)
      : program(std::move(given)),
        interpreter(program->fields, program->locals, clock),
        reads(eval::reads_record(program->root)) {}

  std::shared_ptr<const Program> program;
  eval::Interpreter interpreter;
  bool reads;
  eval::Reason malformed;
  Failure failure;

  Value run() {
    const Value value = interpreter.evaluate(program->root);
    if (value.is_failed()) failure = interpreter.failure();
    return value;
  }
};

Evaluator::Evaluator(std::shared_ptr<const Program> program, const Clock& clock)
    : state_(std::make_unique<State>(std::move(program), clock)) {}

Evaluator::~Evaluator() = default;

Value Evaluator::evaluate(const Batch& batch, const Record& record) {
  state_->failure = {};
  if (state_->interpreter.begin(batch, record, state_->reads)) {
    const Value value = state_->run();
    if (!state_->interpreter.malformed()) return value;
  }
  eval::describe_malformed(batch, record, state_->malformed);
  state_->failure = {state_->malformed.text(), &state_->program->root.place, true};
  return Value::failed();
}

Value Evaluator::evaluate_alone(std::uint64_t sequence) {
  state_->failure = {};
  state_->interpreter.begin_alone(sequence);
  return state_->run();
}

Value Evaluator::evaluate_with(std::span<const Value> locals) {
  state_->failure = {};
  state_->interpreter.begin_alone(0);
  for (std::uint32_t i = 0; i < locals.size(); ++i) state_->interpreter.local(i) = locals[i];
  return state_->run();
}

const Failure& Evaluator::failure() const {
  return state_->failure;
}

Arena& Evaluator::arena() {
  return state_->interpreter.arena();
}

void Evaluator::seed(std::uint64_t seed) {
  state_->interpreter.random().seed(seed);
}

}  // namespace pipec::runtime
