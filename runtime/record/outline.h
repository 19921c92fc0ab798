// The structural index of a batch's records, passed from one stage to the next: the layout of each record and
// the position of its members. A stage that changes no bytes (`parse json`, filter, route) leaves it in the
// batch if the next stage asks for it (StageContext::outline_wanted), so that operators are found once
// instead of by each stage.
//
// A row is valid only for a record at the same offset and in the same buffer; readers must check both.
// Layouts belong to the scratch of the stage that found them, which lives as long as the run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/stage.h"
#include "runtime/record/layout.h"

namespace pipec::runtime::record {

struct OutlineRow {
  const Layout* layout = nullptr;
  std::uint32_t begin = 0;    // of the record
  std::uint32_t members = 0;  // where its members begin, in words of four bytes
  bool nested = false;        // values may be arrays and objects
};

// One per worker. Rows grow from the front of one buffer, members from its end.
class OutlineWriter {
 public:
  // Begins an outline of this batch's records, in order; only of those in the first record's buffer. False:
  // it is not wanted, already exists, or is not worthwhile.
  bool begin(const Batch& batch, const StageContext& context);
  void add(const Layout& layout, const Record& record, const std::uint32_t* members, bool nested) {
    const auto count = static_cast<std::uint32_t>(layout.leads.size() * 2 + 1);
    if (const std::uint32_t at = add_members({members, count})) add_row(layout, record, at, nested);
  }
  // For several rows at once: the position of the first of them, 0 if they do not fit.
  std::uint32_t add_members(std::span<const std::uint32_t> members) {
    const auto count = static_cast<std::uint32_t>(members.size());
    if (!fits(count * sizeof(std::uint32_t))) return 0;
    low_ -= count;
    std::memcpy(data_ + std::size_t{low_} * sizeof(std::uint32_t), members.data(), members.size_bytes());
    return low_;
  }
  void add_row(const Layout& layout, const Record& record, std::uint32_t members, bool nested) {
    if (record.buffer != buffer_ || !fits(sizeof(OutlineRow))) return;
    const OutlineRow row{&layout, record.begin, members, nested};
    std::memcpy(data_ + rows_ * sizeof row, &row, sizeof row);
    ++rows_;
  }
  // Stores the collected outline in the batch.
  void give(Batch& batch);

 private:
  bool fits(std::size_t bytes) {
    const bool room = rows_ * sizeof(OutlineRow) + bytes <= std::size_t{low_} * sizeof(std::uint32_t);
    full_ = full_ || !room;
    return room;
  }

  Outline outline_;
  char* data_ = nullptr;
  std::size_t rows_ = 0;
  std::uint32_t low_ = 0;   // the lowest member so far, counted from the buffer's begin
  std::uint32_t room_ = 0;  // as `low_` at the beginning
  std::uint16_t buffer_ = 0;
  bool full_ = false;
  std::uint32_t skip_ = 0;  // batches that are let pass
};

// Reads an existing outline.
class OutlineReader {
 public:
  explicit OutlineReader(const Outline& outline)
      : outline_(outline),
        rows_(reinterpret_cast<const OutlineRow*>(outline.data->data())),
        end_(rows_ + outline.rows) {}

  const char* text() const { return outline_.text->data(); }
  const std::uint32_t* members() const {
    return reinterpret_cast<const std::uint32_t*>(outline_.data->data());
  }
  // The first row whose record begins at or after `begin`; end() if there is none.
  const OutlineRow* from(std::uint32_t begin) const {
    return std::lower_bound(rows_, end_, begin,
                            [](const OutlineRow& row, std::uint32_t wanted) { return row.begin < wanted; });
  }
  const OutlineRow* end() const { return end_; }

 private:
  const Outline& outline_;
  const OutlineRow* rows_;
  const OutlineRow* end_;
};

}  // namespace pipec::runtime::record
