// Conditions evaluated for many records at once, for filters and routes. For each record: the first condition
// that holds, or that only the interpreter can decide.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/eval/column_plan.h"
#include "runtime/eval/columns.h"
#include "runtime/record/block_index.h"

namespace pipec::runtime::eval {

// Derived once. Immutable.
class ConditionPlan {
 public:
  // `slots[i]`: condition i's slots as numbers of `fields`. All must outlive it.
  ConditionPlan(const FieldSet& fields, std::span<const std::shared_ptr<const Program>> conditions,
                std::span<const std::vector<std::uint32_t>> slots);
  bool usable() const { return usable_; }

 private:
  friend class ConditionColumns;
  const FieldSet& fields_;
  ColumnPlan plan_;
  std::vector<ColumnPlan::Number> conditions_;
  bool usable_ = true;
};

// One per worker.
class ConditionColumns {
 public:
  static constexpr std::uint32_t kUnknown = 0xffffffff;

  explicit ConditionColumns(const ConditionPlan& plan, const json::Kernel& kernel = json::best_kernel());
  // Judges the records from `first` on; how many.
  std::size_t take(const Batch& batch, std::size_t first);
  // The number of the first condition that holds for a row; that of all of them where none does.
  std::uint32_t first_to_hold(std::size_t row) const { return first_to_hold_[row]; }
  const record::BlockIndex& index() const { return index_; }

 private:
  const ConditionPlan& plan_;
  record::BlockIndex index_;
  Columns columns_;
  std::array<std::uint32_t, Columns::kRows> first_to_hold_{};
};

}  // namespace pipec::runtime::eval
