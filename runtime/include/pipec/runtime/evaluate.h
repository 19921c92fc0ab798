// Runs compiled programs over records, and the stages built from them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/clock.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/stage.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

// Why a record's evaluation did not produce a value.
struct Failure {
  std::string_view reason = {};  // lives until the next evaluation
  const Place* place = nullptr;  // of the expression that failed; lives as long as the program
  bool malformed = false;        // the record itself is malformed: what OnError is about
};

// Evaluates one program for one record after another: sinks use it for path templates and keys, `generate`
// for its template, the compiler for constants. One per thread.
class Evaluator {
 public:
  explicit Evaluator(std::shared_ptr<const Program> program, const Clock& clock = Clock::system());
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;
  // The value lives until the next call. Value::failed(): see failure(). A malformed record fails too.
  Value evaluate(const Batch& batch, const Record& record);
  // Without a record: fields read null, metadata null except @offset = `sequence`.
  Value evaluate_alone(std::uint64_t sequence = 0);
  // As evaluate_alone(), with values for the program's first locals. They must live as long as the result.
  Value evaluate_with(std::span<const Value> locals);
  const Failure& failure() const;
  Arena& arena();
  // Makes random() reproducible.
  void seed(std::uint64_t seed);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// `"${}"` of a value: what interpolation writes. nullopt for null.
std::optional<std::string_view> interpolated(const Value& value, Arena& arena);

// The stage of `parse json`: the complete check of every record (see validate_json), which later stages then
// rely on. A byte order mark in front is cut off.
std::unique_ptr<Stage> make_json_parser(OnError on_error);

struct FilterOptions {
  std::shared_ptr<const Program> condition = {};
  enum class Else : std::uint8_t { drop, dead_letter } otherwise = Else::drop;
  std::string dead_letter_reason = {};  // of `else dlq "..."`
  // The action for a malformed record (no `parse` before): the default of `parse json`.
  OnError on_malformed = OnError::dead_letter;
};
std::shared_ptr<const Stage> make_filter(FilterOptions options);
// For `explain`: how such a filter is evaluated (on raw bytes, many records at once, or record by record),
// and why.
std::string explain_filter(const Program& condition);

struct TransformOptions {
  std::shared_ptr<const TransformProgram> program = {};
  OnError on_malformed = OnError::dead_letter;
};
std::shared_ptr<const Stage> make_transform(TransformOptions options);
// For `explain`: whether it processes many records at once or record by record, and why.
std::string explain_transform(const TransformProgram& program);

struct RouteOptions {
  std::vector<std::shared_ptr<const Program>> conditions = {};  // arm i; the last arm is `else` and has none
  OnError on_malformed = OnError::dead_letter;
};
std::shared_ptr<const Router> make_route(RouteOptions options);
// For `explain`, as above.
std::string explain_route(const std::vector<std::shared_ptr<const Program>>& conditions);

}  // namespace pipec::runtime
