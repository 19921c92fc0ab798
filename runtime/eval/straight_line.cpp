#include "runtime/eval/straight_line.h"

#include <algorithm>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/eval/storable.h"
#include "runtime/msgpack/write.h"

namespace pipec::runtime::eval {

namespace {

// Each layout and set of conditions has its plan; records beyond these go one by one.
constexpr std::size_t kMostPlans = 256;

// Whether a value of these types is unchanged after being written below the top level and read again.
bool is_its_text(TypeSet types) {
  return types ==
         (types & (TypeSet(Type::null) | Type::boolean | Type::integer | Type::floating | Type::string));
}

// `.a.b` and `.a.c`.
bool are_siblings(const Path& a, const Path& b) {
  if (a.whole || b.whole || a.slot != b.slot || a.below.size() != b.below.size() || a.below.empty())
    return false;
  const auto same = [](const PathSegment& x, const PathSegment& y) {
    return x.kind == y.kind && x.key == y.key && x.index == y.index;
  };
  return a.below.back().kind == PathSegment::Kind::key && b.below.back().kind == PathSegment::Kind::key &&
         a.below.back().key != b.below.back().key &&
         std::equal(a.below.begin(), a.below.end() - 1, b.below.begin(), same);
}

constexpr const char* kNeedsRecord = "an expression cannot be evaluated for many records at once";

}  // namespace

StraightLine::StraightLine(const TransformProgram& program) : program_(program) {
  BufferPool pool(0);
  const BufferRef text = pool.get(64);
  for (const std::string& key : program.fields.keys) {
    text->clear();
    append_json_string(key, *text);
    keys_.json.emplace_back(text->view());
    text->clear();
    msgpack::append_str(key, *text);
    keys_.msgpack.emplace_back(text->view());
  }
  ColumnPlan::Names names = ColumnPlan::names(program.fields.keys.size(), program.locals);
  usable_ = add(program.body, kAlways, names);
}

bool StraightLine::add(const std::vector<Statement>& block, std::uint8_t side, ColumnPlan::Names& names) {
  for (const Statement& statement : block) {
    if (!add(statement, side, names)) return false;
  }
  return true;
}

bool StraightLine::add(const Statement& statement, std::uint8_t side, ColumnPlan::Names& names) {
  Step step;
  step.side = side;
  switch (statement.kind) {
    case Statement::Kind::set:
      return add_set(statement, side, names);
    case Statement::Kind::let:
      step.kind = Step::Kind::evaluate;
      step.value = plan_.add(statement.expressions[0], names);
      if (step.value == ColumnPlan::kNone) return refuse(kNeedsRecord);
      steps_.push_back(step);
      names.locals[statement.local] = step.value;
      return true;
    case Statement::Kind::remove:
      for (const Path& path : statement.targets) {
        if (path.whole) return refuse("it edits the record as a whole");
        if (!is_top(path)) {
          if (!add_nested(record::EditKind::remove, path, ColumnPlan::kNone, {}, side, names)) return false;
          continue;
        }
        step.edit = {TopEdit::Kind::remove, path.slot, 0, ColumnPlan::kNone, {}};
        steps_.push_back(step);
        names.fields[path.slot] = ColumnPlan::Names::kUnknown;
      }
      return true;
    case Statement::Kind::rename: {
      const Path& from = statement.targets[0];
      const Path& to = statement.targets[1];
      if (are_siblings(from, to)) {
        return add_nested(record::EditKind::rename, from, ColumnPlan::kNone, to.below.back().key, side,
                          names);
      }
      if (!is_top(from) || !is_top(to)) return refuse("it moves a value from one level to another");
      step.edit = {TopEdit::Kind::rename, from.slot, to.slot, ColumnPlan::kNone, {}};
      steps_.push_back(step);
      names.fields[from.slot] = ColumnPlan::Names::kUnknown;
      names.fields[to.slot] = ColumnPlan::Names::kUnknown;
      return true;
    }
    case Statement::Kind::branch:
      return add_branch(statement, side, names);
    case Statement::Kind::drop:
      step.kind = Step::Kind::drop;
      steps_.push_back(step);
      return true;
    case Statement::Kind::dead_letter:
      step.kind = Step::Kind::interpret;
      steps_.push_back(step);
      return true;
    case Statement::Kind::keep:
      step.edit.kind = TopEdit::Kind::keep;
      for (const Path& path : statement.targets) {
        if (!is_top(path)) return refuse("it keeps fields below the top level");
        step.edit.kept.push_back(path.slot);
      }
      for (std::uint32_t slot = 0; slot < names.fields.size(); ++slot) {
        if (std::find(step.edit.kept.begin(), step.edit.kept.end(), slot) == step.edit.kept.end())
          names.fields[slot] = ColumnPlan::Names::kUnknown;
      }
      steps_.push_back(step);
      return true;
    case Statement::Kind::set_record:
      return refuse("it replaces the record");
    case Statement::Kind::set_metadata:
      return refuse("it sets metadata");
    case Statement::Kind::emit:
    case Statement::Kind::loop:
      return refuse("it emits several records for one, or loops");
  }
  return false;
}

bool StraightLine::add_set(const Statement& statement, std::uint8_t side, ColumnPlan::Names& names) {
  const Path& path = statement.targets[0];
  const Expression& expression = statement.expressions[0];
  if (path.whole) return refuse("it edits the record as a whole");
  const ColumnPlan::Number value = plan_.add(expression, names);
  if (value == ColumnPlan::kNone) return refuse(kNeedsRecord);
  if (!is_top(path)) {
    if (!add_nested(record::EditKind::set, path, value, {}, side, names)) return false;
    if (!is_its_text(expression.types)) names.fields[path.slot] = ColumnPlan::Names::kUnknown;
    return true;
  }
  Step step;
  step.side = side;
  step.value = value;
  const TypeSet types = expression.types;
  step.plain = !types.has(Type::array) && !types.has(Type::object) && !types.has(Type::duration);
  step.edit = {TopEdit::Kind::set, path.slot, 0, value, {}};
  steps_.push_back(step);
  names.fields[path.slot] = value;
  return true;
}

// Sets the path's top-level field to its value after the edit.
bool StraightLine::add_nested(record::EditKind kind, const Path& path, ColumnPlan::Number value,
                              std::string_view new_key, std::uint8_t side, ColumnPlan::Names& names) {
  Step step;
  step.side = side;
  step.value = plan_.add_edit(kind, path, value, new_key, names);
  if (step.value == ColumnPlan::kNone)
    return refuse("an edit below the top level cannot be made for many records at once");
  step.edit = {TopEdit::Kind::set, path.slot, 0, step.value, {}};
  steps_.push_back(step);
  names.fields[path.slot] = step.value;
  return true;
}

// A value set on one side is not known after the branch.
bool StraightLine::add_branch(const Statement& statement, std::uint8_t side, ColumnPlan::Names& names) {
  if (sides_.size() + 2 > kMostConditions * 2) return refuse("it has too many conditions");
  const ColumnPlan::Number condition = plan_.add(statement.expressions[0], names);
  if (condition == ColumnPlan::kNone)
    return refuse("a condition cannot be evaluated for many records at once");
  const auto holds = static_cast<std::uint8_t>(sides_.size());
  sides_.push_back({side, condition});
  sides_.push_back({side, ColumnPlan::kNone});
  Step step;
  step.kind = Step::Kind::enter;
  step.side = holds;
  steps_.push_back(step);
  ColumnPlan::Names first = names;
  ColumnPlan::Names second = names;
  if (!add(statement.body, holds, first) ||
      !add(statement.otherwise, static_cast<std::uint8_t>(holds + 1), second)) {
    return false;
  }
  for (std::size_t i = 0; i < names.fields.size(); ++i) {
    if (first.fields[i] != names.fields[i] || second.fields[i] != names.fields[i])
      names.fields[i] = ColumnPlan::Names::kUnknown;
  }
  return true;
}

StraightLineRun::StraightLineRun(const StraightLine& line, const json::Kernel& kernel)
    : line_(line),
      index_(line.program_.fields, kernel),
      columns_(line.plan_, index_),
      selected_(line.sides_.size()),
      scratch_(pool_.get(1024)) {}

Columns::Rows StraightLineRun::rows_of(std::uint8_t side) {
  if (side == StraightLine::kAlways) return columns_.rows();
  return {selected_[side].rows.data(), selected_[side].size};
}

std::size_t StraightLineRun::take(const Batch& batch, std::size_t first) {
  const std::size_t count = index_.scan(batch, first);
  columns_.begin(count);
  std::fill_n(sides_.begin(), count, 0U);
  std::fill_n(dropped_.begin(), count, std::uint8_t{0});
  for (const StraightLine::Step& step : line_.steps_) {
    if (step.kind == StraightLine::Step::Kind::enter) {
      const StraightLine::Side& side = line_.sides_[step.side];
      const Columns::Rows around = rows_of(side.around);
      Columns::Truths truths;
      columns_.test(side.condition, around, truths);
      Selected& yes = selected_[step.side];
      Selected& no = selected_[step.side + 1U];
      yes.size = no.size = 0;
      for (const std::uint16_t row : around) {
        Selected& chosen = truths[row] ? yes : no;
        chosen.rows[chosen.size++] = row;
        sides_[row] |= 1U << (step.side + (truths[row] ? 0U : 1U));
      }
    } else {
      run(step, rows_of(step.side));
    }
  }
  return count;
}

void StraightLineRun::run(const StraightLine::Step& step, Columns::Rows rows) {
  switch (step.kind) {
    case StraightLine::Step::Kind::drop:
      for (const std::uint16_t row : rows) dropped_[row] = 1;
      return;
    case StraightLine::Step::Kind::interpret:
      for (const std::uint16_t row : rows) columns_.doubt(row);
      return;
    default:
      break;
  }
  if (step.value == ColumnPlan::kNone) return;
  columns_.evaluate(step.value, rows);
  if (step.kind == StraightLine::Step::Kind::evaluate) return;
  if (step.plain && index_.format() == Format::json) return;
  for (const std::uint16_t row : rows) {
    if (!storable(step, row)) columns_.doubt(row);
  }
}

// MsgPack may change a value's form, so it may only be stored if it is not read again: the column would hold
// the old form.
bool StraightLineRun::storable(const StraightLine::Step& step, std::size_t row) {
  const Value& value = columns_.value(step.value, row);
  if (!step.plain && !check_storable(value, 1).refusal.empty()) return false;
  if (index_.format() == Format::json || comes_back_from_msgpack(value)) return true;
  if (line_.plan_.node(step.value).shared) return false;
  scratch_->clear();
  return append_msgpack(value, *scratch_) == nullptr;
}

StraightLineRun::Outcome StraightLineRun::outcome(std::size_t row) {
  if (columns_.doubtful(row)) return Outcome::unknown;
  if (dropped_[row]) return Outcome::dropped;
  const record::Layout& layout = *index_.layout(row);
  const std::uint64_t wanted = std::uint64_t{layout.number} << 32 | sides_[row];
  if (wanted != found_for_) {
    found_ = plan_for(layout, sides_[row]);
    found_for_ = wanted;
  }
  if (!found_) return Outcome::unknown;
  return found_->untouched() ? Outcome::untouched : Outcome::edited;
}

const SplicePlan* StraightLineRun::plan_for(const record::Layout& layout, std::uint32_t sides) {
  const std::uint64_t key = std::uint64_t{layout.number} << 32 | sides;
  if (const auto found = plans_.find(key); found != plans_.end()) return found->second.get();
  if (plans_.size() == kMostPlans) return nullptr;
  std::vector<TopEdit> edits;
  for (const StraightLine::Step& step : line_.steps_) {
    const bool active = step.side == StraightLine::kAlways || (sides >> step.side & 1U) != 0;
    if (step.kind == StraightLine::Step::Kind::edit && active) edits.push_back(step.edit);
  }
  auto made = std::make_unique<SplicePlan>(layout, edits, line_.keys_);
  return plans_.emplace(key, std::move(made)).first->second.get();
}

}  // namespace pipec::runtime::eval
