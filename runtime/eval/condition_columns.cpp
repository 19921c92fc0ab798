#include "runtime/eval/condition_columns.h"

#include <algorithm>

namespace pipec::runtime::eval {

ConditionPlan::ConditionPlan(const FieldSet& fields,
                             std::span<const std::shared_ptr<const Program>> conditions,
                             std::span<const std::vector<std::uint32_t>> slots)
    : fields_(fields) {
  for (std::size_t i = 0; i < conditions.size() && usable_; ++i) {
    const ColumnPlan::Names names = ColumnPlan::names(fields.keys.size(), conditions[i]->locals);
    conditions_.push_back(plan_.add(conditions[i]->root, names, slots[i].data()));
    usable_ = conditions_.back() != ColumnPlan::kNone;
  }
}

ConditionColumns::ConditionColumns(const ConditionPlan& plan, const json::Kernel& kernel)
    : plan_(plan), index_(plan.fields_, kernel), columns_(plan.plan_, index_) {}

std::size_t ConditionColumns::take(const Batch& batch, std::size_t first) {
  const std::size_t count = index_.scan(batch, first);
  columns_.begin(count);
  std::array<std::uint16_t, Columns::kRows> open;
  std::size_t left = columns_.rows().size();
  std::copy_n(columns_.rows().begin(), left, open.begin());
  std::fill_n(first_to_hold_.begin(), count, static_cast<std::uint32_t>(plan_.conditions_.size()));
  for (std::uint32_t i = 0; i < plan_.conditions_.size() && left != 0; ++i) {
    Columns::Truths truths;
    columns_.test(plan_.conditions_[i], {open.data(), left}, truths);
    std::size_t kept = 0;
    for (std::size_t k = 0; k < left; ++k) {
      const std::uint16_t row = open[k];
      if (truths[row]) first_to_hold_[row] = i;
      // An undecided row stays undecided: later conditions are not evaluated.
      open[kept] = row;
      kept += truths[row] || columns_.doubtful(row) ? 0 : 1;
    }
    left = kept;
  }
  for (std::size_t row = 0; row < count; ++row) {
    if (columns_.doubtful(row)) first_to_hold_[row] = kUnknown;
  }
  return count;
}

}  // namespace pipec::runtime::eval
