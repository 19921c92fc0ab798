#include <algorithm>
#include <optional>

#include "pipec/runtime/evaluate.h"
#include "runtime/eval/condition_columns.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/malformed.h"
#include "runtime/eval/usage.h"

namespace pipec::runtime {

namespace {

using eval::ConditionColumns;
using eval::ConditionPlan;
using eval::Interpreter;
using eval::Truth;

class RouteScratch final : public Scratch {
 public:
  RouteScratch(const FieldSet& fields, std::size_t locals, const ConditionPlan* plan)
      : interpreter(fields, locals, Clock::system()) {
    if (plan) columns.emplace(*plan);
  }
  Interpreter interpreter;
  std::optional<ConditionColumns> columns;
  record::OutlineWriter outline;
};

// The conditions share one view of the record: it is scanned once, whatever the number of arms.
class RouteStage final : public Router {
 public:
  explicit RouteStage(RouteOptions options) : options_(std::move(options)) {
    for (const auto& condition : options_.conditions) {
      std::vector<std::uint32_t>& slots = slots_.emplace_back();
      for (const std::string& key : condition->fields.keys) slots.push_back(fields_.slot_of(key));
      locals_ = std::max<std::size_t>(locals_, condition->locals);
      reads_ = reads_ || eval::reads_record(condition->root);
    }
    columns_.emplace(fields_, options_.conditions, slots_);
  }

  std::unique_ptr<Scratch> make_scratch() const override {
    return std::make_unique<RouteScratch>(fields_, locals_, by_columns() ? &*columns_ : nullptr);
  }

  Status route(Batch& batch, std::span<Batch> arms, Scratch* scratch, StageContext& context) const override {
    auto& [interpreter, columns, outline] = *static_cast<RouteScratch*>(scratch);
    interpreter.bound(context.evaluation_bounds());
    const bool leaves = columns && outline.begin(batch, context);
    for (Batch& arm : arms) {
      if (arm.metadata.size() != batch.metadata.size())
        arm.metadata = batch.metadata;  // records point into it
    }
    std::size_t first = 0;  // range of the records that the columns hold
    std::size_t last = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record& record = batch.records[i];
      if (columns) {
        if (i == last) {
          first = i;
          last = i + columns->take(batch, i);
        }
        if (leaves) columns->index().leave(i - first, record, outline);
        if (const std::uint32_t known = columns->first_to_hold(i - first);
            known != ConditionColumns::kUnknown) {
          arms[known].records.push_back(record);
          continue;
        }
      }
      std::size_t arm = 0;
      const record::KnownMembers known = columns ? columns->index().known(i - first) : record::KnownMembers{};
      Truth truth = Truth::failed;
      try {
        if (interpreter.begin(batch, record, reads_, known)) {
          for (truth = Truth::no; arm < options_.conditions.size(); ++arm) {
            interpreter.map_slots(slots_[arm].data());
            truth = interpreter.test(options_.conditions[arm]->root);
            if (truth != Truth::no) break;
          }
        }
      } catch (const ArenaFull&) {
        truth = Truth::failed;
        interpreter.fail_for_memory(
            options_.conditions[std::min(arm, options_.conditions.size() - 1)]->root.place);
      } catch (...) {
        interpreter.end();
        throw;
      }
      interpreter.end();
      if (truth != Truth::failed) {
        arms[arm].records.push_back(record);
      } else if (interpreter.malformed()) {
        Status status = eval::reject_malformed(batch, record, options_.on_malformed, context);
        if (!status) return status;
      } else {
        context.dead_letter(record, interpreter.failure().reason, interpreter.failure().place);
      }
    }
    if (leaves) {
      outline.give(batch);
      for (Batch& arm : arms) arm.outline = batch.outline;
    }
    return {};
  }

  bool reads_outline() const override { return by_columns(); }

  bool by_columns() const { return reads_ && columns_->usable(); }

 private:
  RouteOptions options_;
  FieldSet fields_;                                // of all arms
  std::vector<std::vector<std::uint32_t>> slots_;  // [arm][slot of its program]: the slot in fields_
  std::size_t locals_ = 0;
  bool reads_ = false;
  std::optional<ConditionPlan> columns_;
};

}  // namespace

std::string explain_route(const std::vector<std::shared_ptr<const Program>>& conditions) {
  RouteOptions options;
  options.conditions = conditions;
  return RouteStage(std::move(options)).by_columns()
             ? "evaluates many records at once"
             : "reads records one by one: a condition cannot be evaluated for many at once";
}

std::shared_ptr<const Router> make_route(RouteOptions options) {
  return std::make_shared<RouteStage>(std::move(options));
}

}  // namespace pipec::runtime
