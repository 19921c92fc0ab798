// Evaluates a ColumnPlan over the rows of a BlockIndex, one node at a time: each loop applies one operation
// to many records.
//
// A record that leaves the fast path falls back to the interpreter: a malformed value, an error, a function
// that fails. Its column values are then meaningless. The caller evaluates the record again with the
// interpreter, which reports the error, so both paths always agree.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pipec/runtime/arena.h"
#include "runtime/eval/column_plan.h"
#include "runtime/record/block_index.h"

namespace pipec::runtime::eval {

// One per worker. Values live until the next begin().
class Columns {
 public:
  using Number = ColumnPlan::Number;
  using Rows = std::span<const std::uint16_t>;
  static constexpr std::size_t kRows = record::BlockIndex::kRows;
  using Truths = std::array<std::uint8_t, kRows>;  // 1: it holds

  // Both must outlive it.
  Columns(const ColumnPlan& plan, const record::BlockIndex& index);

  // Begins with the rows that the index took last. Rows without a layout fall back to the interpreter.
  void begin(std::size_t rows);
  // All rows that are on the fast path at the beginning.
  Rows rows() const { return {all_.data(), count_}; }

  // Evaluates a node for some rows. Rows that leave the fast path remain in the selection.
  void evaluate(Number number, Rows rows);
  void test(Number number, Rows rows, Truths& truths);
  const Value& value(Number number, std::size_t row) const {
    const ColumnPlan::Node& node = plan_.node(number);
    return node.kind == ColumnPlan::Kind::constant ? node.constant : columns_[number * kRows + row];
  }

  bool doubtful(std::size_t row) const { return doubtful_[row] != 0; }
  void doubt(std::size_t row) { doubtful_[row] = 1; }

 private:
  using Node = ColumnPlan::Node;
  struct Operand {
    const Value* values;
    std::size_t step;  // 0: the same for all rows
    const Value& operator[](std::size_t row) const { return values[row * step]; }
  };

  Value* column(Number number) { return columns_.data() + number * kRows; }
  Operand operand(Number number, Rows rows);
  Value doubted(std::size_t row) {
    doubtful_[row] = 1;
    return {};
  }
  template <Format kFormat>
  Value read(std::string_view text, std::size_t row);
  void compute(Number number, Rows rows);
  void truths_of(Operand values, Rows rows, Truths& truths);
  void field(const Node& node, Rows rows, Value* out);
  void element(const Node& node, Rows rows, Value* out);
  void descend(const Node& node, std::size_t row, Value& value);
  void has(const Node& node, Rows rows, Truths& truths);
  void compare(const Node& node, Rows rows, Truths& truths);
  void logical(const Node& node, Rows rows, Truths& truths);
  void in(const Node& node, Rows rows, Truths& truths);
  void matches(const Node& node, Rows rows, Truths& truths);
  void arithmetic(const Node& node, Rows rows, Value* out);
  void coalesce(const Node& node, Rows rows, Value* out);
  void conditional(const Node& node, Rows rows, Value* out);
  void call(const Node& node, Rows rows, Value* out);
  void interpolate(const Node& node, Rows rows, Value* out);
  void container(const Node& node, Rows rows, Value* out);
  void edited(const Node& node, Rows rows, Value* out);
  // The field after the edit; failed: the interpreter has to decide.
  Value edited_json(const Node& node, const Value& base, bool missing, const Value& value);
  Value edited_msgpack(const Node& node, const Value& base, bool missing, const Value& value);
  // True if the arena has reached its limit: the remaining rows fall back to the interpreter.
  bool full();

  const ColumnPlan& plan_;
  const record::BlockIndex& index_;
  std::vector<Value> columns_;
  std::vector<std::uint8_t> known_;  // [node][row] of shared nodes: it has been evaluated
  std::array<std::uint8_t, kRows> doubtful_{};
  std::array<std::uint16_t, kRows> all_{};
  std::size_t count_ = 0;
  Arena arena_;
  BufferPool pool_{1};
  BufferRef scratch_;  // of edits
};

}  // namespace pipec::runtime::eval
