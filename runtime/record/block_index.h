// Indexes the members of many records of a batch at once, using the Layouts of their format.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/program.h"
#include "runtime/json/kernel.h"
#include "runtime/json/layouts.h"
#include "runtime/msgpack/layouts.h"
#include "runtime/record/outline.h"

namespace pipec::runtime::record {

// One per worker. Rows are numbered within the chunk that scan() took.
class BlockIndex {
 public:
  static constexpr std::size_t kRows = 128;  // a chunk's columns stay in the nearest cache

  explicit BlockIndex(const FieldSet& fields, const json::Kernel& kernel = json::best_kernel());

  // Takes records from `first` on that are in the same buffer and have the same format, at most kRows;
  // returns their number (at least one).
  std::size_t scan(const Batch& batch, std::size_t first);

  // Of the last scan: null where nothing is known of the row.
  const Layout* layout(std::size_t row) const { return rows_[row].layout; }
  Format format() const { return format_; }  // of all rows
  // The opening bracket, then two for each member: its colon, and the comma or bracket after it. For MsgPack:
  // the record's begin, then the ends of each key and value. Offsets into text().
  const std::uint32_t* members(std::size_t row) const { return base_ + rows_[row].members; }
  const char* text() const { return text_; }
  // The value of a slot; its data is null where the record has none. The row has a layout.
  std::string_view value(std::size_t row, std::uint32_t slot) const {
    const Layout& layout = *rows_[row].layout;
    const std::uint16_t member = layout.member_of[slot];
    if (member == Layout::kMissing) return {};
    const std::uint32_t* const at = members(row) + std::size_t{2} * member;
    const std::uint32_t from = at[0] + layout.leads[member].size;
    return {text_ + from, at[2] - from};
  }
  // For callers that continue with this record alone: for MsgPack, finding the members is most of the work.
  KnownMembers known(std::size_t row) const { return {rows_[row].layout, members(row)}; }
  // Records a row's members for downstream stages; only for JSON. `record`: the row's.
  void leave(std::size_t row, const Record& record, OutlineWriter& outline) const {
    if (rows_[row].layout && format_ == Format::json)
      outline.add(*rows_[row].layout, record, members(row), rows_[row].nested);
  }

 private:
  struct Row {
    const Layout* layout = nullptr;
    std::uint32_t members = 0;  // index into base_
    bool nested = false;        // found alone: values may be arrays and objects
  };

  void scan_msgpack(std::span<const Record> records);
  bool scan_outlined(const Outline& outline, std::span<const Record> records);
  bool follow(std::span<const Record> records, std::size_t row);
  void scan_stretch(std::span<const Record> records, std::size_t row);
  void scan_alone(const Record& record, std::size_t row);
  // No value that is wanted begins with one kind of bracket and ends with another.
  bool closed(std::size_t row) const;

  const json::Kernel& kernel_;
  json::Layouts layouts_;
  msgpack::Layouts msgpack_layouts_;
  std::array<Row, kRows> rows_;
  const std::uint32_t* base_ = nullptr;  // of the rows' members
  Offsets members_;
  std::size_t count_ = 0;  // of members_
  Offsets alone_;          // of one record
  const char* text_ = nullptr;
  Format format_ = Format::json;
  Offsets quotes_;  // of the rows from the current one up to `quoted_`
  const std::uint32_t* next_quote_ = nullptr;
  std::size_t quoted_ = 0;
  std::size_t quoted_stretch_;    // the most rows to search for quotes next
  std::size_t stretch_;           // the most records of the next range
  std::uint32_t alone_left_ = 0;  // records to process one by one before the next range is tried
  // Of MsgPack, where looking is given up for a while.
  std::size_t looked_at_ = 0;
  std::size_t unknown_ = 0;  // of them
  std::size_t skip_ = 0;     // records to skip
};

}  // namespace pipec::runtime::record
