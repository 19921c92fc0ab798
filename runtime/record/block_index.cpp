#include "runtime/record/block_index.h"

#include <algorithm>

namespace pipec::runtime::record {

namespace {

// Operator offsets take up to four times the text's size, so chunks are small. Large records, of which few
// fit into a batch, are read one by one.
constexpr std::size_t kMostBytes = std::size_t{256} << 10;
constexpr std::uint32_t kLargestRecord = std::uint32_t{64} << 10;
// After lines that are not flat, this many records are processed one by one.
constexpr std::uint32_t kTakenAlone = 64;
// If most MsgPack records have no layout, this many are skipped: indexing such records is useless.
constexpr std::size_t kSkipped = 31 * BlockIndex::kRows;
// The number of records that are cut by their operators after one with a new layout, and of records searched
// for quotes after one with the same layout; doubles each time.
constexpr std::size_t kFirstStretch = 4;

// A record that can be cut together with others.
bool usable(const Record& record, const char* text) {
  return record.size > 2 && record.size <= kLargestRecord && text[record.begin] == '{' &&
         text[record.begin + record.size - 1] == '}';
}

// The first of records[first, most) that is not such a line directly after the one before.
std::size_t lines_end(std::span<const Record> records, std::size_t first, std::size_t most,
                      const char* text) {
  const auto follows = [&](const Record& record, const Record& before) {
    const std::uint32_t end = before.begin + before.size;
    if (record.begin <= end || record.begin - end > 2 || text[record.begin - 1] != '\n') return false;
    return record.begin - end == 1 || text[end] == '\r';
  };
  std::size_t end = first + 1;
  most = std::min(records.size(), most);
  while (end < most && usable(records[end], text) && follows(records[end], records[end - 1])) ++end;
  return end;
}

}  // namespace

BlockIndex::BlockIndex(const FieldSet& fields, const json::Kernel& kernel)
    : kernel_(kernel),
      layouts_(fields),
      msgpack_layouts_(fields),
      quoted_stretch_(kFirstStretch),
      stretch_(kFirstStretch) {}

std::size_t BlockIndex::scan(const Batch& batch, std::size_t first) {
  const std::span<const Record> all(batch.records);
  const std::uint16_t buffer = all[first].buffer;
  format_ = all[first].format;
  std::size_t last = first;
  for (std::size_t bytes = 0; last < all.size() && last - first < kRows && bytes < kMostBytes; ++last) {
    if (all[last].buffer != buffer || all[last].format != format_) break;
    bytes += all[last].size;
  }
  const std::span<const Record> records = all.subspan(first, last - first);
  text_ = batch.buffers[buffer]->data();
  count_ = 0;
  if (format_ == Format::msgpack) {
    scan_msgpack(records);
    return records.size();
  }
  if (batch.outline && scan_outlined(batch.outline, records)) return records.size();
  quoted_ = 0;
  for (std::size_t i = 0; i < records.size();) {
    rows_[i] = {};
    if (!usable(records[i], text_)) {
      ++i;
    } else if (alone_left_ > 0) {
      --alone_left_;
      scan_alone(records[i], i);
      ++i;
    } else if (follow(records, i)) {
      stretch_ = kFirstStretch;
      ++i;
    } else {
      const std::size_t end = lines_end(records, i, i + stretch_, text_);
      stretch_ = std::min(stretch_ * 2, kRows);
      scan_stretch(records.subspan(i, end - i), i);
      i = end;
    }
  }
  base_ = members_.data();
  return records.size();
}

void BlockIndex::scan_msgpack(std::span<const Record> records) {
  std::fill_n(rows_.begin(), records.size(), Row{});
  if (skip_ > 0) {
    skip_ -= std::min(skip_, records.size());
    return;
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::uint32_t begin = records[i].begin;
    const std::uint32_t end = begin + records[i].size;
    rows_[i].members = static_cast<std::uint32_t>(count_);
    if (records[i].size <= kLargestRecord)
      rows_[i].layout = msgpack_layouts_.find(text_, begin, end, members_, count_);
    unknown_ += rows_[i].layout ? 0 : 1;
  }
  base_ = members_.data();
  looked_at_ += records.size();
  if (looked_at_ < kRows) return;
  if (unknown_ * 2 > looked_at_) skip_ = kSkipped;
  looked_at_ = unknown_ = 0;
}

// A record that is like the one before.
inline bool BlockIndex::follow(std::span<const Record> records, std::size_t row) {
  const Layout* const layout = layouts_.last();
  if (!kernel_.follow || !layout) return false;
  if (row >= quoted_) {
    quoted_ = lines_end(records, row, row + quoted_stretch_, text_);
    quoted_stretch_ = std::min(quoted_stretch_ * 2, kRows);
    kernel_.quotes(text_, records[row].begin, records[quoted_ - 1].begin + records[quoted_ - 1].size,
                   quotes_);
    next_quote_ = quotes_.data();
  }
  const std::size_t size = 1 + 2 * layout->leads.size();
  while (members_.room() - count_ < size) members_.grow();
  const std::uint32_t begin = records[row].begin;
  next_quote_ =
      kernel_.follow(*layout, text_, begin, begin + records[row].size, next_quote_, members_.data() + count_);
  if (!next_quote_) {
    quoted_ = 0;
    quoted_stretch_ = kFirstStretch;
    return false;
  }
  rows_[row] = {layout, static_cast<std::uint32_t>(count_), false};
  count_ += size;
  return true;
}

// Uses the index left by the previous stage. False if it covers too few of these records.
bool BlockIndex::scan_outlined(const Outline& outline, std::span<const Record> records) {
  const OutlineReader reader(outline);
  if (reader.text() != text_) return false;
  base_ = reader.members();
  std::size_t unknown = 0;
  const OutlineRow* at = reader.from(records.front().begin);
  for (std::size_t i = 0; i < records.size(); ++i) {
    rows_[i] = {};
    while (at != reader.end() && at->begin < records[i].begin) ++at;
    const bool there =
        at != reader.end() && at->begin == records[i].begin &&
        base_[at->members + at->layout->leads.size() * 2] == records[i].begin + records[i].size - 1;
    if (there) {
      rows_[i] = {layouts_.adopt(*at->layout), at->members, at->nested};
      if (rows_[i].layout && at->nested && !closed(i)) rows_[i].layout = nullptr;
    }
    unknown += rows_[i].layout ? 0 : 1;
  }
  return unknown * 4 <= records.size();
}

bool BlockIndex::closed(std::size_t row) const {
  for (std::uint32_t slot = 0; slot < layouts_.slots(); ++slot) {
    const std::string_view text = value(row, slot);
    if (text.empty() || (text.front() != '{' && text.front() != '[')) continue;
    if (text.back() != (text.front() == '{' ? '}' : ']')) return false;
  }
  return true;
}

void BlockIndex::scan_stretch(std::span<const Record> records, std::size_t row) {
  std::size_t at = count_;
  const std::size_t stop = kernel_.operators(text_, records.front().begin,
                                             records.back().begin + records.back().size, members_, count_);
  std::size_t unknown = 0;
  std::size_t i = 0;
  for (; i < records.size(); ++i) {
    const std::uint32_t end = records[i].begin + records[i].size;
    if (end > stop) break;
    const Layout* const layout = layouts_.find(text_, end, members_.data() + at, count_ - at);
    rows_[row + i] = {layout, static_cast<std::uint32_t>(at), false};
    if (layout) {
      at += layout->leads.size() * 2 + 1;
      continue;
    }
    ++unknown;
    while (at < count_ && members_.data()[at] < end) ++at;
  }
  if (unknown * 4 > records.size() || i < records.size()) alone_left_ = kTakenAlone;
  for (std::size_t k = 0; k < records.size(); ++k) {
    if (k >= i) rows_[row + k] = {};
    if (!rows_[row + k].layout) scan_alone(records[k], row + k);
  }
}

// A record that holds brackets: the members of its top level alone.
void BlockIndex::scan_alone(const Record& record, std::size_t row) {
  const std::size_t found = kernel_.members(text_ + record.begin, record.size, 0, alone_);
  if (found < 2 || found % 2 != 0 || alone_.data()[found - 1] != record.size - 1) return;
  while (members_.room() - count_ < found + 16) members_.grow();
  std::uint32_t* const out = members_.data() + count_;
  out[0] = record.begin;
  for (std::size_t i = 0; i < found; ++i) out[i + 1] = record.begin + alone_.data()[i];
  const Layout* const layout = layouts_.find(text_, record.begin + record.size, out, found + 1);
  if (!layout || layout->leads.size() * 2 != found) return;
  rows_[row] = {layout, static_cast<std::uint32_t>(count_), true};
  // A nested bracket begins its value (the kernel saw to it), so the value's last bracket is its partner.
  base_ = members_.data();
  if (!closed(row)) {
    rows_[row].layout = nullptr;
    return;
  }
  count_ += found + 1;
}

}  // namespace pipec::runtime::record
