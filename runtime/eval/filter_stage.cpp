#include <numeric>
#include <optional>

#include "pipec/runtime/evaluate.h"
#include "runtime/eval/condition_columns.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/malformed.h"
#include "runtime/eval/raw_filter.h"
#include "runtime/eval/usage.h"

namespace pipec::runtime {

namespace {

using eval::ConditionColumns;
using eval::ConditionPlan;
using eval::Interpreter;
using eval::RawFilter;
using eval::RawScan;
using eval::Truth;

// A condition alone has its own numbers.
std::vector<std::uint32_t> slots_of(const Program& condition) {
  std::vector<std::uint32_t> same(condition.fields.keys.size());
  std::iota(same.begin(), same.end(), 0U);
  return same;
}

class FilterScratch final : public Scratch {
 public:
  FilterScratch(const Program& program, const RawFilter& raw, const ConditionPlan* plan)
      : interpreter(program.fields, program.locals, Clock::system()),
        scan(raw, json::best_kernel(), plan != nullptr) {
    if (plan) columns.emplace(*plan);
  }
  Interpreter interpreter;
  RawScan scan;
  std::optional<ConditionColumns> columns;
  record::OutlineWriter outline;
};

class FilterStage final : public Stage {
 public:
  explicit FilterStage(FilterOptions options)
      : options_(std::move(options)),
        reads_(eval::reads_record(options_.condition->root)),
        raw_(*options_.condition),
        slots_(slots_of(*options_.condition)),
        columns_(options_.condition->fields, {&options_.condition, 1}, {&slots_, 1}) {
    if (options_.dead_letter_reason.empty())
      options_.dead_letter_reason = "the filter's condition does not hold";
  }

  std::unique_ptr<Scratch> make_scratch() const override {
    return std::make_unique<FilterScratch>(*options_.condition, raw_, reads_outline() ? &columns_ : nullptr);
  }

  Status process(Batch& batch, Scratch* scratch, StageContext& context) const override {
    auto& [interpreter, scan, columns, outline] = *static_cast<FilterScratch*>(scratch);
    // Where members are known already, nothing is quicker.
    const bool judged = !(columns && batch.outline) && scan.judge(batch);
    const bool leaves = columns && !judged && outline.begin(batch, context);
    interpreter.bound(context.evaluation_bounds());
    std::uint64_t filtered = 0;
    std::size_t kept = 0;
    std::size_t first = 0;  // range of the records that the columns hold
    std::size_t last = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      RawScan::Answer answer = judged ? scan.answer(i) : RawScan::Answer::unknown;
      if (!judged && columns) {
        if (i == last) {
          first = i;
          last = i + columns->take(batch, i);
        }
        answer = answer_of(columns->first_to_hold(i - first));
      }
      if (answer == RawScan::Answer::no && options_.otherwise == FilterOptions::Else::drop) [[likely]] {
        ++filtered;
        continue;
      }
      const Record record = batch.records[i];
      Truth truth = Truth::failed;
      if (answer != RawScan::Answer::unknown) {
        truth = answer == RawScan::Answer::yes ? Truth::yes : Truth::no;
      } else {
        truth = test_alone(interpreter, batch, record,
                           !judged && columns ? columns->index().known(i - first) : record::KnownMembers{});
      }
      if (truth == Truth::yes) {
        batch.records[kept++] = record;
        if (leaves) columns->index().leave(i - first, record, outline);
      } else if (truth == Truth::no) {
        if (options_.otherwise == FilterOptions::Else::drop) {
          ++filtered;
        } else {
          context.dead_letter(record, options_.dead_letter_reason);
        }
      } else if (interpreter.malformed()) {
        Status status = eval::reject_malformed(batch, record, options_.on_malformed, context);
        if (!status) return status;
      } else {
        context.dead_letter(record, interpreter.failure().reason, interpreter.failure().place);
      }
    }
    batch.records.resize(kept);
    if (leaves) outline.give(batch);
    if (filtered != 0) context.count_filtered(filtered);
    return {};
  }

  bool reads_outline() const override { return reads_ && columns_.usable(); }

 private:
  // Evaluates one record with the interpreter. Separate from the loop, which is tight when no record needs
  // this.
  Truth test_alone(Interpreter& interpreter, const Batch& batch, const Record& record,
                   const record::KnownMembers& known) const {
    const Expression& condition = options_.condition->root;
    Truth truth = Truth::failed;
    try {
      if (interpreter.begin(batch, record, reads_, known)) truth = interpreter.test(condition);
    } catch (const ArenaFull&) {
      interpreter.fail_for_memory(condition.place);
    } catch (...) {
      interpreter.end();
      throw;
    }
    interpreter.end();
    // Without the bytes of its keys the condition cannot hold: no match, malformed or not.
    const bool lacks =
        interpreter.malformed() && record.format == Format::json && !raw_.may_hold(batch.payload(record));
    return lacks ? Truth::no : truth;
  }
  static RawScan::Answer answer_of(std::uint32_t first_to_hold) {
    if (first_to_hold == ConditionColumns::kUnknown) return RawScan::Answer::unknown;
    return first_to_hold == 0 ? RawScan::Answer::yes : RawScan::Answer::no;
  }

  FilterOptions options_;
  bool reads_;
  RawFilter raw_;
  std::vector<std::uint32_t> slots_;
  ConditionPlan columns_;
};

}  // namespace

std::string explain_filter(const Program& condition) {
  const RawFilter raw(condition);
  const std::vector<std::uint32_t> slots = slots_of(condition);
  // Not to be destroyed here.
  const std::shared_ptr<const Program> program(std::shared_ptr<const Program>(), &condition);
  const bool columns = ConditionPlan(condition.fields, {&program, 1}, {&slots, 1}).usable();
  if (!raw.usable()) {
    return (columns ? "indexes members of many records at once: " : "reads records one by one: ") +
           raw.why_not();
  }
  return raw.describe() +
         (columns
              ? "; if most records contain it, members are indexed for many records at once, as for MsgPack"
              : "; undecided records, and all MsgPack records, are read one by one");
}

std::shared_ptr<const Stage> make_filter(FilterOptions options) {
  return std::make_shared<FilterStage>(std::move(options));
}

}  // namespace pipec::runtime
