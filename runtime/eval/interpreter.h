// Evaluates expression trees for one record after another. One per worker: it holds the state of the current
// record (the view of its fields, the arena, the locals), so that the trees themselves are shared and
// immutable.
//
// Failures are values: Value::failed() propagates to a `catch` or to the caller; the reason and the place are
// stored here. Malformed bytes in the record are not failures of the expression: nothing catches them (see
// malformed()).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/clock.h"
#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/value.h"
#include "runtime/eval/random.h"
#include "runtime/eval/reason.h"
#include "runtime/record/record_view.h"

namespace pipec::runtime::eval {

enum class Truth : std::uint8_t { no, yes, failed };

// Space for the steps of a path; longer paths use the arena.
using StepRoom = std::array<record::Step, 6>;

enum class Resolved : std::uint8_t {
  steps,
  nothing,  // a computed segment is null: the path leads nowhere
  failed,
};

class Interpreter {
 public:
  // `fields` must outlive the interpreter.
  Interpreter(const FieldSet& fields, std::size_t locals, const Clock& clock);

  // Begins with a record; `reads`: the program reads its fields (otherwise its bytes are not examined).
  // False: it is malformed and nothing may be evaluated. Values of the previous record become invalid.
  // `known`: its members if already indexed, with a layout of the same fields.
  bool begin(const Batch& batch, const Record& record, bool reads, const record::KnownMembers& known = {});
  // Begins without one: fields read null, metadata too except @offset.
  void begin_alone(std::uint64_t sequence);

  // Memory that one record may take from here on.
  void bound(const ArenaBounds& bounds) { arena_.bound(bounds); }
  // Releases the values evaluated for the record. Only needed if they may be large.
  void end() {
    if (arena_.exceeds()) arena_.reset();
  }
  // begin(), evaluate() and test() threw ArenaFull: the record takes more than that. A failure like any
  // other, but no `catch` of the language gets it.
  void fail_for_memory(const Place& place);

  Value evaluate(const Expression& expression);
  Truth test(const Expression& condition);

  // Builds the steps of `path.below`; `computed` holds its computed segments.
  Resolved resolve(const Path& path, std::span<const Expression> computed, std::span<record::Step> room,
                   std::span<const record::Step>& steps);

  // Sets the failure; returns Value::failed().
  Value fail(const Place& place, std::initializer_list<std::string_view> reason);
  const Failure& failure() const { return failure_; }
  // A requested value of the record is not valid JSON: the record is treated as malformed.
  bool malformed() const { return malformed_; }
  void set_malformed() { malformed_ = true; }

  // Metadata that statements assigned to this record; null: the record's own. Must outlive the evaluation.
  void set_metadata(const Metadata* metadata) { metadata_ = metadata; }
  const Metadata* metadata() const { return metadata_; }

  // For programs that use the slots of another FieldSet: slot i of the expressions is map[i] of `fields`.
  // null: the same.
  void map_slots(const std::uint32_t* map) { slot_map_ = map; }
  std::uint32_t slot(const Path& path) const { return slot_map_ ? slot_map_[path.slot] : path.slot; }

  record::RecordView& view() { return view_; }
  Arena& arena() { return arena_; }
  const Clock& clock() const { return clock_; }
  Value& local(std::uint32_t number) { return locals_[number]; }
  Random& random() { return random_; }

 private:
  class Call;

  Value compute(const Expression& expression);
  Value fold(const Expression& expression, const Value& left);
  Value logical(const Expression& expression, const Value& left);
  Value calculate(const Expression& expression, const Value& left, const Value& right);
  Value contains(const Expression& expression, const Value& needle, const Value& haystack);
  Value matches(const Expression& expression, const Value& text);
  Value conditional(const Expression& expression);
  Value field(const Expression& expression);
  Value element(const Expression& expression, const Value& base);
  Value has(const Expression& expression);
  bool misses_array(const Path& path, std::span<const Expression> computed,
                    std::span<const record::Step> steps);
  void fail_as_index(const Expression& computed, const record::Step& step);
  Value array(const Expression& expression);
  Value object(const Expression& expression);
  Value interpolate(const Expression& expression);
  Value call(const Expression& expression);
  bool argument(const Expression& expression, std::size_t number, Value* value);

  Value metadata_value(const Expression& expression);
  Value headers() const;

  Truth truth(const Value& value, const Expression& expression);
  Value checked(const Value& value) {
    if (value.is_failed()) malformed_ = true;
    return value;
  }

  record::RecordView view_;
  mutable Arena arena_;
  std::vector<Value> locals_;
  std::vector<const Expression*> spine_;  // the operators of a left-deep chain that wait for their left side
  const Clock& clock_;
  const std::uint32_t* slot_map_ = nullptr;
  const Batch* batch_ = nullptr;  // null: evaluated without a record
  const Record* record_ = nullptr;
  const Metadata* metadata_ = nullptr;
  std::uint64_t sequence_ = 0;  // @offset if there is no record
  Random random_;
  BufferPool pool_{1};
  BufferRef text_;  // where interpolation writes arrays and objects
  Reason reason_;
  Failure failure_;
  std::uint32_t depth_ = 0;
  bool malformed_ = false;
};

}  // namespace pipec::runtime::eval
