#include "runtime/eval/transform_run.h"

#include <span>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/eval/edit_reason.h"
#include "runtime/eval/malformed.h"
#include "runtime/eval/storable.h"

namespace pipec::runtime::eval {

namespace {

// Limit for the total output of one record: nested loops end here instead of exhausting memory.
constexpr std::uint64_t kMostEmitted = std::uint64_t{1} << 30;

constexpr std::string_view kNoValue = "no value to emit: the expression is null";

// The number of containers around a value at the path.
std::size_t levels_around(const Path& path) {
  return path.below.size() + (path.whole ? 0 : 1);
}

}  // namespace

TransformRun::TransformRun(const TransformProgram& program, bool reads, const StraightLine* line)
    : program_(program), reads_(reads), interpreter_(program.fields, program.locals, Clock::system()) {
  if (line) line_.emplace(*line);
}

Status TransformRun::process(Batch& batch, OnError on_malformed, StageContext& context) {
  output_.open(batch);
  interpreter_.bound(context.evaluation_bounds());
  const std::size_t allowance = context.output_allowance();
  for (std::size_t first = 0; first < batch.records.size();) {
    const std::size_t count = line_ ? line_->take(batch, first) : batch.records.size() - first;
    for (std::size_t row = 0; row < count; ++row) {
      const Record& record = batch.records[first + row];
      if (output_.written() > allowance) {
        context.leave_rest(std::span(batch.records).subspan(first + row));
        output_.finish();
        return {};
      }
      switch (line_ ? line_->outcome(row) : StraightLineRun::Outcome::unknown) {
        case StraightLineRun::Outcome::dropped:
          continue;
        case StraightLineRun::Outcome::untouched:
          output_.keep(record);
          continue;
        case StraightLineRun::Outcome::edited:
          line_->write(row, record.size, output_.begin());
          if (output_.end(record)) continue;
          break;
        case StraightLineRun::Outcome::unknown:
          break;
      }
      const record::KnownMembers known = line_ ? line_->known(row) : record::KnownMembers{};
      if (Status status = run_alone(record, known, on_malformed, context); !status) return status;
    }
    first += count;
  }
  output_.finish();
  return {};
}

Status TransformRun::run_alone(const Record& record, const record::KnownMembers& known, OnError on_malformed,
                               StageContext& context) {
  const Output::Mark mark = output_.mark();
  statement_ = nullptr;
  static const Place kNowhere;
  Flow flow = Flow::dead;
  try {
    flow = run_record(record, known);
  } catch (const ArenaFull&) {
    interpreter_.fail_for_memory(statement_ ? statement_->place : kNowhere);
  } catch (...) {
    interpreter_.end();
    throw;
  }
  interpreter_.end();
  if (!interpreter_.malformed() && flow != Flow::dead) return {};
  output_.take_back(mark);
  if (interpreter_.malformed()) return reject_malformed(output_.batch(), record, on_malformed, context);
  context.dead_letter(record, interpreter_.failure().reason, interpreter_.failure().place);
  return {};
}

TransformRun::Flow TransformRun::run_record(const Record& record, const record::KnownMembers& known) {
  record_ = &record;
  has_assigned_ = false;
  made_null_ = nullptr;
  assigned_number_ = 0;
  emitted_bytes_ = 0;
  checked_ = record.validated;
  if (!interpreter_.begin(output_.batch(), record, reads_, known)) return Flow::dead;
  const Flow flow = run_block(program_.body);
  return flow == Flow::next ? finish_record() : flow;
}

TransformRun::Flow TransformRun::finish_record() {
  if (made_null_) return dead(made_null_->place, {kNoValue});
  Record record = *record_;
  if (has_assigned_) record.metadata = metadata_number();
  if (!reads_ || !interpreter_.view().edited()) {
    output_.keep(record);
    return Flow::next;
  }
  interpreter_.view().write(output_.begin());
  record.validated = checked_;
  if (output_.end(record)) return Flow::next;
  return dead(program_.body.front().place, {"the record has become too large"});
}

TransformRun::Flow TransformRun::run_block(const std::vector<Statement>& block) {
  for (const Statement& statement : block) {
    const Flow flow = run(statement);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

TransformRun::Flow TransformRun::run(const Statement& statement) {
  statement_ = &statement;
  switch (statement.kind) {
    case Statement::Kind::set:
      return set(statement);
    case Statement::Kind::set_record: {
      Value value;
      if (!storable(statement.expressions[0], 0, value, checked_)) return Flow::dead;
      made_null_ = value.is_null() && !statement.null_meant ? &statement : nullptr;
      return done(interpreter_.view().set_whole({}, value), statement, {}, {});
    }
    case Statement::Kind::set_metadata:
      return assign_metadata(statement);
    case Statement::Kind::let: {
      Value value;
      if (!value_of(statement.expressions[0], value)) return Flow::dead;
      interpreter_.local(statement.local) = value;
      return Flow::next;
    }
    case Statement::Kind::remove:
      return remove(statement);
    case Statement::Kind::keep:
      return keep(statement);
    case Statement::Kind::rename:
      return rename(statement);
    case Statement::Kind::branch:
      return branch(statement);
    case Statement::Kind::drop:
      return Flow::dropped;
    case Statement::Kind::dead_letter:
      return dead_letter(statement);
    case Statement::Kind::emit:
      return emit(statement);
    case Statement::Kind::loop:
      return loop(statement);
  }
  return Flow::next;
}

TransformRun::Flow TransformRun::branch(const Statement& statement) {
  const Statement* at = &statement;
  for (;;) {
    const Truth truth = interpreter_.test(at->expressions[0]);
    if (truth == Truth::failed) return Flow::dead;
    if (truth == Truth::yes) return run_block(at->body);
    // `else if` is a branch alone in `otherwise`; chains of them may be of any length.
    if (at->otherwise.size() != 1 || at->otherwise[0].kind != Statement::Kind::branch)
      return run_block(at->otherwise);
    at = &at->otherwise[0];
  }
}

TransformRun::Flow TransformRun::loop(const Statement& statement) {
  Value over;
  if (!value_of(statement.expressions[0], over)) return Flow::dead;
  if (over.type() == Type::array) {
    ArrayWalker items(over);
    Value item;
    for (std::int64_t index = 0; items.next(item); ++index) {
      const Flow flow = statement.has_second ? loop_body(statement, Value::integer(index), item)
                                             : loop_body(statement, item, {});
      if (flow != Flow::next) return flow;
    }
    if (!items.bad()) return Flow::next;
    interpreter_.set_malformed();
    return Flow::dead;
  }
  if (over.is_null()) return Flow::next;
  if (statement.items_only) {
    return dead(statement.expressions[0].place,
                {statement.text, " takes an array, got ", type_name(over.type())});
  }
  if (over.type() != Type::object) {
    return dead(statement.expressions[0].place,
                {"`for` runs over an array or an object, got ", type_name(over.type())});
  }
  if (!statement.has_second) {
    return dead(statement.expressions[0].place,
                {"`for` with one name runs over an array, got object: with two it has keys and values"});
  }
  const Value members = expand(over, interpreter_.arena());  // of a repeated key the last one alone
  if (members.is_failed()) {
    interpreter_.set_malformed();
    return Flow::dead;
  }
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    const Member& member = members.members()[i];
    const Flow flow = loop_body(statement, Value::string(member.key), member.value);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

TransformRun::Flow TransformRun::loop_body(const Statement& statement, const Value& first,
                                           const Value& second) {
  interpreter_.local(statement.local) = first;
  if (statement.has_second) interpreter_.local(statement.second) = second;
  return run_block(statement.body);
}

TransformRun::Flow TransformRun::set(const Statement& statement) {
  Value value;
  bool checked = false;
  const Path& path = statement.targets[0];
  if (!storable(statement.expressions[0], levels_around(path), value, checked)) return Flow::dead;
  record::RecordView& view = interpreter_.view();
  if (is_top(path) && view.set_top(path.slot, value)) [[likely]] {
    checked_ = checked_ && checked;
    return Flow::next;
  }
  std::span<const record::Step> steps;
  if (!steps_of(statement, path, steps)) return Flow::dead;
  checked_ = checked_ && checked;
  const record::Edit edit = path.whole ? view.set_whole(steps, value) : view.set(path.slot, steps, value);
  return done(edit, statement, path, steps);
}

TransformRun::Flow TransformRun::remove(const Statement& statement) {
  for (const Path& path : statement.targets) {
    if (is_top(path) && interpreter_.view().remove_top(path.slot)) continue;
    std::span<const record::Step> steps;
    if (!steps_of(statement, path, steps)) return Flow::dead;
    const Flow flow = done(interpreter_.view().remove(path.slot, steps), statement, path, steps);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

TransformRun::Flow TransformRun::keep(const Statement& statement) {
  const std::size_t count = statement.targets.size();
  auto* kept = interpreter_.arena().allocate_array<record::Kept>(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::span<const record::Step> steps;
    if (!steps_of(statement, statement.targets[i], steps)) return Flow::dead;
    new (kept + i) record::Kept{statement.targets[i].slot, steps};
  }
  return done(interpreter_.view().keep({kept, count}), statement, {}, {});
}

TransformRun::Flow TransformRun::rename(const Statement& statement) {
  const Path& from = statement.targets[0];
  const Path& to = statement.targets[1];
  if (is_top(from) && is_top(to) && interpreter_.view().rename_top(from.slot, to.slot)) return Flow::next;
  std::span<const record::Step> from_steps;
  std::span<const record::Step> to_steps;
  if (!steps_of(statement, from, from_steps) || !steps_of(statement, to, to_steps)) return Flow::dead;
  if (levels_around(to) > levels_around(from)) {
    const Value moved = interpreter_.view().get(from.slot, from_steps);
    if (!moved.is_failed() && !storable(moved, levels_around(to), statement.place)) return Flow::dead;
  }
  return done(interpreter_.view().rename(from.slot, from_steps, to.slot, to_steps), statement, to, to_steps);
}

TransformRun::Flow TransformRun::emit(const Statement& statement) {
  if (statement.as_it_stands) return emit_as_it_stands(statement);
  Value value;
  Record record = *record_;
  if (!storable(statement.expressions[0], 0, value, record.validated)) return Flow::dead;
  if (value.is_null() && !statement.null_meant) return dead(statement.place, {kNoValue});
  if (has_assigned_) record.metadata = metadata_number();
  Buffer& buffer = output_.begin();
  const std::size_t began = buffer.size();
  if (record.format == Format::json) {
    append_json(value, buffer);
  } else if (append_msgpack(value, buffer)) {
    return dead(statement.place, {kNoSuchNumber});
  }
  emitted_bytes_ += buffer.size() - began;
  if (emitted_bytes_ > kMostEmitted || !output_.end(record)) {
    return dead(statement.place, {"one record may emit at most 1 GiB"});
  }
  return Flow::next;
}

// Writes the output directly: as values, all of them would occupy the arena until the record is finished.
TransformRun::Flow TransformRun::emit_as_it_stands(const Statement& statement) {
  Record record = *record_;
  if (has_assigned_) record.metadata = metadata_number();
  record.validated = checked_;
  Buffer& buffer = output_.begin();
  const std::size_t began = buffer.size();
  interpreter_.view().write(buffer);
  emitted_bytes_ += buffer.size() - began;
  if (emitted_bytes_ > kMostEmitted || !output_.end(record)) {
    return dead(statement.place, {"one record may emit at most 1 GiB"});
  }
  return Flow::next;
}

TransformRun::Flow TransformRun::dead_letter(const Statement& statement) {
  Value reason;
  if (!value_of(statement.expressions[0], reason)) return Flow::dead;
  const std::optional<std::string_view> text = interpolated(reason, interpreter_.arena());
  return dead(statement.place, {text.value_or("null")});
}

bool TransformRun::value_of(const Expression& expression, Value& value) {
  value = interpreter_.evaluate(expression);
  return !value.is_failed() && !interpreter_.malformed();
}

bool TransformRun::storable(const Expression& expression, std::size_t around, Value& value, bool& checked) {
  if (!value_of(expression, value)) return false;
  const Storable verdict = check_storable(value, around);
  if (!verdict.refusal.empty()) {
    interpreter_.fail(expression.place, {verdict.refusal});
    return false;
  }
  checked = record_->validated || verdict.checked;
  return true;
}

bool TransformRun::storable(const Value& value, std::size_t around, const Place& place) {
  const Storable verdict = check_storable(value, around);
  if (!verdict.refusal.empty()) interpreter_.fail(place, {verdict.refusal});
  return verdict.refusal.empty();
}

bool TransformRun::steps_of(const Statement& statement, const Path& path,
                            std::span<const record::Step>& steps) {
  const bool sets = statement.kind == Statement::Kind::set;
  if (path.whole && !sets) {
    interpreter_.fail(statement.place, {"only fields can be deleted, kept or renamed, not ", path.text});
    return false;
  }
  if (path.below.empty()) return true;
  // Allocated in the arena: the view may keep them as long as the edit.
  const std::span<record::Step> room(interpreter_.arena().allocate_array<record::Step>(path.below.size()),
                                     path.below.size());
  switch (interpreter_.resolve(path, statement.expressions, room, steps)) {
    case Resolved::steps:
      return !interpreter_.malformed();
    case Resolved::failed:
      return false;
    case Resolved::nothing:
      break;
  }
  interpreter_.fail(statement.place, {"an index in ", path.text, " is null"});
  return false;
}

TransformRun::Flow TransformRun::done(record::Edit edit, const Statement& statement, const Path& path,
                                      std::span<const record::Step> steps) {
  if (edit == record::Edit::done) return Flow::next;
  if (edit == record::Edit::malformed) {
    interpreter_.set_malformed();
    return Flow::dead;
  }
  std::string_view doing = "set";
  if (statement.kind == Statement::Kind::remove) doing = "delete";
  if (statement.kind == Statement::Kind::keep) {
    return dead(statement.place, {"keep() needs a record that is an object"});
  }
  explain_edit(interpreter_, program_.fields, statement.place, doing, edit, path, steps);
  return Flow::dead;
}

}  // namespace pipec::runtime::eval
