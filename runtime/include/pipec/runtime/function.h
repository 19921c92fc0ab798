// A function of the language, as data: signature, documentation, an example that the tests run, and its code.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/clock.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

// A function's view of the evaluation that calls it. Valid during the call.
class CallContext {
 public:
  virtual ~CallContext() = default;
  // For the result's bytes, items and members; they live as long as the record's evaluation.
  Arena& arena() const { return *arena_; }
  const Clock& clock() const { return *clock_; }
  // What `prepare` returned for the constant arguments; null without one. T: the type that it made.
  template <typename T>
  const T* prepared() const {
    return static_cast<const T*>(prepared_);
  }
  // The call fails: the record is dead-lettered with this reason, unless a `catch` takes it.
  // Use: `return context.fail("not a date: ...")`. The message needs no function name; the engine adds it.
  virtual Value fail(std::string_view reason) = 0;
  // Calls the lambda passed as this argument, with one value per parameter of the lambda. Fails if the
  // argument is not a lambda.
  virtual Value apply(std::size_t argument, std::span<const Value> parameters) = 0;
  // Random bits of this evaluator; seeded if the program requests it (`generate`).
  virtual std::uint64_t random() = 0;

 protected:
  Arena* arena_ = nullptr;
  const Clock* clock_ = nullptr;
  const void* prepared_ = nullptr;
};

// Arguments are checked: they have the declared types, defaults are filled in, strings are decoded
// (Form::plain). Arrays and objects may be json or built (ArrayWalker and ObjectWalker walk either). The
// argument of a lambda is null.
//
// Calls run on several threads at once: whatever the code captures (a table, a connection of the program) is
// read-only or synchronized, and lives as long as the plan.
using FunctionCode = std::function<Value(CallContext& context, std::span<const Value> arguments)>;

// Called once when a program is compiled, with the arguments that are constants (nullopt: known only at run
// time). An Error for a bad pattern, time format or CIDR becomes a compile error. May return null: nothing to
// prepare.
using Prepare =
    std::function<Result<std::shared_ptr<const void>>(std::span<const std::optional<Value>> arguments)>;

struct Parameter {
  enum class Kind : std::uint8_t {
    value,
    lambda,  // `x -> expr`
    path,    // a path, not its value: has(.a)
  };
  std::string name = {};
  TypeSet types = TypeSet::any();
  std::optional<Value> fallback = {};  // the default; an argument without one is required
  Kind kind = Kind::value;
  std::uint8_t lambda_parameters = 1;
  TypeSet lambda_result = TypeSet::any();
};

struct Example {
  std::string expression = {};  // in the language, constants only
  // As compact JSON, or "error" if the example shows a failure; empty: it varies (now()).
  std::string result = {};
};

// An exception in the code or in `prepare` is an error: of the compilation if it results from constants, else
// of the run.
struct Function {
  std::string name = {};
  std::string family = {};  // "strings", "time", ...: the sections of the reference
  std::vector<Parameter> parameters = {};
  TypeSet result = TypeSet::any();
  std::optional<std::size_t> result_like = {};  // the result has this argument's type (slice, reverse)
  std::string doc = {};                         // one line, no full stop
  std::vector<Example> examples = {};           // at least one
  FunctionCode code = nullptr;
  Prepare prepare = nullptr;
  bool pure = true;    // the same arguments produce the same result: constants are folded
  bool total = false;  // never fails on arguments of the declared types (shortens `explain` and warnings)
};

}  // namespace pipec::runtime
