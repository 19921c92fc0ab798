// A plan for rewriting records of one layout after a list of top-level edits: which runs are copied, and what
// is written between them. Built once per layout, run for each of its records.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/buffer.h"
#include "runtime/eval/columns.h"
#include "runtime/record/block_index.h"

namespace pipec::runtime::eval {

struct TopEdit {
  enum class Kind : std::uint8_t { set, remove, rename, keep };
  Kind kind = Kind::set;
  std::uint32_t slot = 0;
  std::uint32_t to = 0;                          // rename
  ColumnPlan::Number value = ColumnPlan::kNone;  // set
  std::vector<std::uint32_t> kept;               // keep: the slots that stay
};

class SplicePlan {
 public:
  // Each slot's key as written in a record.
  struct Keys {
    std::vector<std::string> json;  // with its quotes
    std::vector<std::string> msgpack;
  };
  // The same as the edits made one by one by a RecordView and written by splice().
  SplicePlan(const record::Layout& layout, std::span<const TopEdit> edits, const Keys& keys);

  // The edits change nothing of such a record.
  bool untouched() const { return parts_.empty(); }
  // Appends the record. `size`: of the original record.
  void write(const record::BlockIndex& index, std::size_t row, std::uint32_t size, const Columns& columns,
             Buffer& out) const;

 private:
  // A place in a record: one of BlockIndex::members(), plus a number of bytes.
  struct Place {
    std::uint32_t member = 0;
    std::uint32_t behind = 0;
  };
  struct Part {
    enum class Kind : std::uint8_t { run, text, json_value, msgpack_value };
    Kind kind = Kind::run;
    Place from;
    Place to;
    std::uint32_t text = 0;  // into texts_
    std::uint32_t size = 0;
    ColumnPlan::Number value = ColumnPlan::kNone;
  };

  void add_run(Place from, Place to);
  void add_text(std::string_view text);
  void add_value(Part::Kind kind, ColumnPlan::Number value);

  std::vector<Part> parts_;
  std::string texts_;
  std::size_t room_ = 0;  // of texts and of numbers for the values
};

}  // namespace pipec::runtime::eval
