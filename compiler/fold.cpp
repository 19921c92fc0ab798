// Constant folding: what needs no record is evaluated while compiling, by the evaluator that would run it.
#include <algorithm>
#include <utility>

#include "compiler/expression.h"
#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/guarded.h"
#include "pipec/runtime/json.h"

namespace pipec::compiler {

using dsl::Code;
using runtime::Arena;
using runtime::Op;
using runtime::Type;
using runtime::TypeSet;
using runtime::Value;

namespace {

// Larger constants stay expressions, so that a few lines of text cannot produce gigabytes.
constexpr std::size_t kMaxConstant = std::size_t{1} << 20;
// JSON text may be read with wide loads.
constexpr std::size_t kPadding = 64;

class Copier {
 public:
  Copier(Arena& arena, std::size_t limit) : arena_(arena), left_(limit) {}

  std::optional<Value> copy(const Value& value) {
    switch (value.type()) {
      case Type::string: {
        const auto decoded = text(runtime::decode_string(value, arena_));
        return decoded ? std::optional(Value::string(*decoded)) : std::nullopt;
      }
      case Type::bytes: {
        const auto raw = text(value.text());
        return raw ? std::optional(Value::bytes(*raw)) : std::nullopt;
      }
      case Type::array:
        return value.form() == Value::Form::built ? array(value) : slice(value);
      case Type::object:
        return value.form() == Value::Form::built ? object(value) : slice(value);
      case Type::integer:
      case Type::floating:
        return number(value);
      default:
        return value;
    }
  }

 private:
  std::optional<std::string_view> text(std::string_view from) {
    if (!take(from.size())) return std::nullopt;
    return arena_.copy(from);
  }

  std::optional<Value> number(const Value& value) {
    if (value.number_text().empty()) return value;
    const auto digits = text(value.number_text());
    if (!digits) return std::nullopt;
    Value result =
        value.type() == Type::integer ? Value::integer(value.as_int()) : Value::floating(value.as_float());
    result = result.with_text(*digits);
    return value.is_beyond() ? result.beyond_machine() : result;
  }

  std::optional<Value> slice(const Value& value) {
    const std::string_view from = value.text();
    if (!take(from.size())) return std::nullopt;
    char* bytes = arena_.allocate(from.size(), kPadding);
    std::copy(from.begin(), from.end(), bytes);
    const std::string_view copied(bytes, from.size());
    return value.type() == Type::array ? Value::json_array(copied) : Value::json_object(copied);
  }

  std::optional<Value> array(const Value& value) {
    if (!take(value.size() * sizeof(Value))) return std::nullopt;
    Value* items = arena_.allocate_array<Value>(value.size());
    for (std::uint32_t i = 0; i < value.size(); ++i) {
      const auto item = copy(value.items()[i]);
      if (!item) return std::nullopt;
      new (items + i) Value(*item);
    }
    return Value::built_array(items, value.size());
  }

  std::optional<Value> object(const Value& value) {
    if (!take(value.size() * sizeof(runtime::Member))) return std::nullopt;
    auto* members = arena_.allocate_array<runtime::Member>(value.size());
    for (std::uint32_t i = 0; i < value.size(); ++i) {
      const auto key = text(value.members()[i].key);
      const auto member = copy(value.members()[i].value);
      if (!key || !member) return std::nullopt;
      new (members + i) runtime::Member{*key, *member};
    }
    return Value::built_object(members, value.size());
  }

  bool take(std::size_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }

  Arena& arena_;
  std::size_t left_;
};

std::uint64_t key_of(const runtime::Place& place) {
  const std::uint64_t at = (std::uint64_t{place.line} << 32) | place.column;
  return at ^ (std::hash<std::string>{}(place.file) * 0x9e3779b97f4a7c15ULL);
}

}  // namespace

std::optional<Value> copy_value(const Value& value, Arena& arena, std::size_t limit) {
  return Copier(arena, limit).copy(value);
}

void ExpressionCompiler::remember(const runtime::Place& place, dsl::Span span) {
  spans_[key_of(place)] = span;
}

void ExpressionCompiler::fold(Lowered& value, Failing failing) {
  if (!value.closed() || value.has_lambda || value.constant()) return;
  evaluate(value, catching_ != 0 ? Failing::silent : failing);
}

// A required constant justifies evaluating a lambda's loop, and may read the clock.
bool ExpressionCompiler::fold_required(Lowered& value) {
  if (value.constant()) return true;
  const bool alone = value.ok && !value.oversized && value.level == Lowered::kNoLevel;
  return alone && fields_.keys.empty() && !reads_record() && evaluate(value, Failing::reported);
}

bool ExpressionCompiler::evaluate(Lowered& value, Failing failing) {
  const auto program = std::make_shared<runtime::Program>();
  program->root = std::move(value.expression);
  program->locals = local_count_;
  program->constants = arena_;
  const runtime::Clock* clock = context_.options.connectors.clock;
  runtime::Evaluator evaluator(program, clock ? *clock : runtime::Clock::system());
  const runtime::Result<Value> called =
      runtime::guarded([&]() -> runtime::Result<Value> { return evaluator.evaluate_alone(); });
  const Value result = called ? *called : Value::failed();
  if (result.is_failed()) {
    const bool at = called && evaluator.failure().place;
    const runtime::Place place = at ? *evaluator.failure().place : program->root.place;
    const std::string reason(called ? std::string(evaluator.failure().reason) : called.error().message);
    value.expression = std::move(program->root);
    if (failing == Failing::silent) return false;
    const auto span = spans_.find(key_of(place));
    if (span != spans_.end()) {
      error(Code::constant_fails, span->second, "this always fails: " + reason);
    }
    value.ok = false;
    return false;
  }
  const auto copied = copy_value(result, *arena_, kMaxConstant);
  if (!copied) {
    value.expression = std::move(program->root);
    value.oversized = true;
    return false;
  }
  runtime::Expression folded;
  folded.op = Op::constant;
  folded.place = std::move(program->root.place);
  folded.constant = *copied;
  folded.types = TypeSet(copied->type());
  value.expression = std::move(folded);
  return true;
}

}  // namespace pipec::compiler
