// The members of many records at once. Most records of a source have the same keys in the same order: a
// Layout. The operators of a stretch of lines are found in one pass (Kernel::operators), and a record is then
// compared with the layouts that are known: what stands between its values, a member in two loads. Where that
// is the same, and each value begins and ends as it should, nothing else of the record's structure is left to
// check.
//
// What is said of a record with a layout is what FieldIndex would say of it: an object, each wanted key in it
// at most once, no white space but one space behind `:` or `,`. Any other record has no layout, and nothing
// is said of it: it goes the ordinary way.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/program.h"
#include "runtime/json/kernel.h"

namespace pipec::runtime::json {

struct Layout {
  static constexpr std::uint16_t kMissing = 0xffff;
  static constexpr std::size_t kMostMembers = 255;

  // What stands between the end of the value before and a member's own value: `{"key":` or `, "key": `.
  struct Lead {
    std::uint64_t head = 0;  // its first bytes, as far as `mask` goes, and its last ones
    std::uint64_t mask = 0;
    std::uint64_t tail = 0;
    std::uint32_t size = 0;   // of it all
    std::uint32_t colon = 0;  // the colon's place in it
    std::uint32_t key = 0;    // the place of the key's opening quote
    std::uint32_t text = 0;   // where it begins in `texts`
  };
  std::vector<Lead> leads;  // one for each member
  std::string texts;
  std::vector<std::uint16_t> member_of;  // per slot: the number of its member
  std::uint32_t number = 0;              // of the layout
};

// One per worker. Rows are numbered within the chunk that scan() took.
class BlockIndex {
 public:
  static constexpr std::size_t kRows = 128;  // a chunk's columns stay in the nearest cache

  explicit BlockIndex(const FieldSet& fields, const Kernel& kernel = best_kernel());

  // Takes the records from `first` on, as many as lie in one buffer, kRows at most; gives their number (one
  // at least).
  std::size_t scan(const Batch& batch, std::size_t first);

  // Of the last scan: null where nothing is known of the row.
  const Layout* layout(std::size_t row) const { return rows_[row].layout; }
  // The opening bracket, then two for each member: its colon, and the comma or bracket behind it. Offsets
  // into text().
  const std::uint32_t* members(std::size_t row) const { return members_.data() + rows_[row].members; }
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

 private:
  struct Row {
    const Layout* layout = nullptr;
    std::uint32_t members = 0;  // index into members_
  };

  static constexpr std::size_t kMostLayouts = 32;

  void scan_stretch(std::span<const Record> records, std::size_t row);
  void scan_alone(const Record& record, std::size_t row);
  // `members`: as above, `left` of them at most, the first at the record's begin.
  const Layout* find(std::uint32_t end, const std::uint32_t* members, std::size_t left);
  bool same(const Layout& layout, std::uint32_t end, const std::uint32_t* members, std::size_t left) const;
  const Layout* learn(std::uint32_t end, const std::uint32_t* members, std::size_t left);

  const Kernel& kernel_;
  std::vector<std::string> keys_;  // decoded
  std::array<Row, kRows> rows_;
  Offsets members_;
  std::size_t count_ = 0;  // of members_
  Offsets alone_;          // of one record
  const char* text_ = nullptr;
  std::vector<std::unique_ptr<Layout>> layouts_;
  std::size_t last_ = 0;          // the layout of the row before
  std::uint32_t alone_left_ = 0;  // records that are taken one by one before a stretch is tried again
};

}  // namespace pipec::runtime::json
