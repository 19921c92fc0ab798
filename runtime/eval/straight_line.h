// Transform blocks without loops, run over many records at once. Their expressions, including edits below the
// top level, are evaluated by columns. A record's edits form a SplicePlan for its layout and the conditions
// that held.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/eval/column_plan.h"
#include "runtime/eval/columns.h"
#include "runtime/eval/splice_plan.h"
#include "runtime/record/block_index.h"

namespace pipec::runtime::eval {

// A field of the record itself: `.a`.
inline bool is_top(const Path& path) {
  return path.below.empty() && !path.whole;
}

// Derived once from a program. Immutable.
class StraightLine {
 public:
  // `program` must outlive it.
  explicit StraightLine(const TransformProgram& program);
  // All of the program can be run this way.
  bool usable() const { return usable_; }
  // Why it is not: a few words for `explain`.
  const std::string& why_not() const { return why_not_; }

 private:
  friend class StraightLineRun;
  static constexpr std::uint8_t kAlways = 0xff;
  static constexpr std::size_t kMostConditions = 16;

  // One side of an `if`: where the condition holds, or does not, of the rows of the side around it.
  struct Side {
    std::uint8_t around = kAlways;
    ColumnPlan::Number condition = ColumnPlan::kNone;  // kNone: the other side of the one before
  };
  struct Step {
    enum class Kind : std::uint8_t { edit, evaluate, enter, drop, interpret };
    Kind kind = Kind::edit;
    std::uint8_t side = kAlways;
    TopEdit edit;
    ColumnPlan::Number value = ColumnPlan::kNone;  // edit (set), evaluate
    bool plain = true;                             // the value is not an array, object or duration
  };

  bool add(const std::vector<Statement>& block, std::uint8_t side, ColumnPlan::Names& names);
  bool add(const Statement& statement, std::uint8_t side, ColumnPlan::Names& names);
  bool add_set(const Statement& statement, std::uint8_t side, ColumnPlan::Names& names);
  bool add_nested(record::EditKind kind, const Path& path, ColumnPlan::Number value, std::string_view new_key,
                  std::uint8_t side, ColumnPlan::Names& names);
  bool add_branch(const Statement& statement, std::uint8_t side, ColumnPlan::Names& names);
  bool refuse(const char* why) {
    why_not_ = why;
    return false;
  }

  const TransformProgram& program_;
  ColumnPlan plan_;
  std::vector<Side> sides_;
  std::vector<Step> steps_;
  SplicePlan::Keys keys_;  // of the slots
  bool usable_ = false;
  std::string why_not_;
};

// Applies it to one batch after another. One per worker.
class StraightLineRun {
 public:
  explicit StraightLineRun(const StraightLine& line, const json::Kernel& kernel = json::best_kernel());

  // Takes the records from `first` on; how many. Then, row by row:
  std::size_t take(const Batch& batch, std::size_t first);
  enum class Outcome : std::uint8_t {
    unknown,  // the interpreter decides
    dropped,
    untouched,
    edited,
  };
  Outcome outcome(std::size_t row);
  // The members that the interpreter need not search for.
  record::KnownMembers known(std::size_t row) const { return index_.known(row); }
  // Appends the row's record; its outcome() must have been `edited`.
  void write(std::size_t row, std::uint32_t size, Buffer& out) const {
    found_->write(index_, row, size, columns_, out);
  }

 private:
  void run(const StraightLine::Step& step, Columns::Rows rows);
  bool storable(const StraightLine::Step& step, std::size_t row);
  Columns::Rows rows_of(std::uint8_t side);
  const SplicePlan* plan_for(const record::Layout& layout, std::uint32_t sides);

  const StraightLine& line_;
  record::BlockIndex index_;
  Columns columns_;
  struct Selected {
    std::array<std::uint16_t, Columns::kRows> rows;
    std::size_t size = 0;
  };
  std::vector<Selected> selected_;                     // per side
  std::array<std::uint32_t, Columns::kRows> sides_{};  // per row: bits of the sides it is on
  std::array<std::uint8_t, Columns::kRows> dropped_{};
  std::unordered_map<std::uint64_t, std::unique_ptr<SplicePlan>> plans_;
  std::uint64_t found_for_ = ~std::uint64_t{0};
  const SplicePlan* found_ = nullptr;
  BufferPool pool_{1};
  BufferRef scratch_;
};

}  // namespace pipec::runtime::eval
