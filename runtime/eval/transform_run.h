// Runs a transform block over the records of a batch: many at once if the block is a StraightLine and the
// records allow it, else one by one. One per worker.
//
// A record is dead-lettered or has outputs, never both: the output it emitted before a failure is discarded.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "pipec/runtime/evaluate.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/output.h"
#include "runtime/eval/straight_line.h"

namespace pipec::runtime::eval {

class TransformRun final : public Scratch {
 public:
  // `program` and `line` must outlive it. `reads`: it reads records. `line`: the program's fast path; null if
  // it has none.
  TransformRun(const TransformProgram& program, bool reads, const StraightLine* line);

  Status process(Batch& batch, OnError on_malformed, StageContext& context);

 private:
  // How a statement, or a block, ends.
  enum class Flow : std::uint8_t {
    next,
    dropped,
    dead,  // the interpreter's failure() has the reason, or the record is malformed
  };

  Status run_alone(const Record& record, const record::KnownMembers& known, OnError on_malformed,
                   StageContext& context);
  Flow run_record(const Record& record, const record::KnownMembers& known);
  Flow run_block(const std::vector<Statement>& block);
  Flow run(const Statement& statement);
  Flow branch(const Statement& statement);
  Flow loop(const Statement& statement);
  Flow loop_body(const Statement& statement, const Value& first, const Value& second);
  Flow set(const Statement& statement);
  Flow remove(const Statement& statement);
  Flow keep(const Statement& statement);
  Flow rename(const Statement& statement);
  Flow emit(const Statement& statement);
  Flow emit_as_it_stands(const Statement& statement);
  Flow dead_letter(const Statement& statement);
  Flow finish_record();

  // transform_metadata.cpp
  Flow assign_metadata(const Statement& statement);
  bool assign_key(const Value& value, const Place& place);
  bool assign_timestamp(const Value& value, const Place& place);
  bool assign_headers(const Value& value, const Place& place);
  bool assign_header(const std::string& name, const Value& value, const Place& place);
  std::optional<std::optional<std::string>> header_text(const Value& value, const Place& place);
  std::uint32_t metadata_number();

  // The value of an expression that becomes part of a record, within `around` containers; `checked`: all of
  // it is known to be JSON. False: the record is dead.
  bool storable(const Expression& expression, std::size_t around, Value& value, bool& checked);
  // Of a value that moves to another depth.
  bool storable(const Value& value, std::size_t around, const Place& place);
  bool steps_of(const Statement& statement, const Path& path, std::span<const record::Step>& steps);
  bool value_of(const Expression& expression, Value& value);
  Flow done(record::Edit edit, const Statement& statement, const Path& path,
            std::span<const record::Step> steps);
  Flow dead(const Place& place, std::initializer_list<std::string_view> reason) {
    interpreter_.fail(place, reason);
    return Flow::dead;
  }

  const TransformProgram& program_;
  const bool reads_;
  Interpreter interpreter_;
  Output output_;
  std::optional<StraightLineRun> line_;
  const Record* record_ = nullptr;
  const Statement* statement_ = nullptr;  // that was begun last
  bool checked_ = false;                  // the current record holds only JSON that was checked
  Metadata assigned_;                     // of this record, once a statement assigned some
  bool has_assigned_ = false;
  const Statement* made_null_ = nullptr;  // the statement that left null where the record was, unasked
  std::uint32_t assigned_number_ = 0;     // its number in the batch; 0: not added yet, or changed since
  std::uint64_t emitted_bytes_ = 0;
};

}  // namespace pipec::runtime::eval
