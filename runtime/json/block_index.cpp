#include "runtime/json/block_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/json/text.h"

namespace pipec::runtime::json {

namespace {

// What is noted of operators takes up to four times a text's size: so a chunk is small, and a large record,
// of which few go into a batch, is left to be read alone.
constexpr std::size_t kMostBytes = std::size_t{256} << 10;
constexpr std::uint32_t kLargestRecord = std::uint32_t{64} << 10;
// Where a stretch turned out not to be flat, so many records are taken one by one.
constexpr std::uint32_t kTakenAlone = 64;

// The bytes of a loaded word that come first in memory.
std::uint64_t first_bytes(std::size_t count) {
  if (count >= 8) return ~std::uint64_t{0};
  const auto unused = static_cast<unsigned>(64 - 8 * count);
  if constexpr (std::endian::native == std::endian::little) return ~std::uint64_t{0} >> unused;
  return ~std::uint64_t{0} << unused;
}

}  // namespace

BlockIndex::BlockIndex(const FieldSet& fields, const Kernel& kernel) : kernel_(kernel), keys_(fields.keys) {}

std::size_t BlockIndex::scan(const Batch& batch, std::size_t first) {
  const std::span<const Record> all(batch.records);
  const std::uint16_t buffer = all[first].buffer;
  std::size_t last = first;
  for (std::size_t bytes = 0; last < all.size() && last - first < kRows && bytes < kMostBytes; ++last) {
    if (all[last].buffer != buffer) break;
    bytes += all[last].size;
  }
  const std::span<const Record> records = all.subspan(first, last - first);
  text_ = batch.buffers[buffer]->data();
  count_ = 0;
  const auto usable = [&](const Record& record) {
    return record.format == Format::json && record.size > 2 && record.size <= kLargestRecord &&
           text_[record.begin] == '{' && text_[record.begin + record.size - 1] == '}';
  };
  // Whether a record is the line behind another.
  const auto follows = [&](const Record& record, const Record& before) {
    const std::uint32_t end = before.begin + before.size;
    if (record.begin <= end || record.begin - end > 2 || text_[record.begin - 1] != '\n') return false;
    return record.begin - end == 1 || text_[end] == '\r';
  };
  for (std::size_t i = 0; i < records.size();) {
    rows_[i] = {};
    if (!usable(records[i])) {
      ++i;
    } else if (alone_left_ > 0) {
      --alone_left_;
      scan_alone(records[i], i);
      ++i;
    } else {
      std::size_t end = i + 1;
      while (end < records.size() && usable(records[end]) && follows(records[end], records[end - 1])) ++end;
      scan_stretch(records.subspan(i, end - i), i);
      i = end;
    }
  }
  return records.size();
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
    const Layout* const layout = find(end, members_.data() + at, count_ - at);
    rows_[row + i] = {layout, static_cast<std::uint32_t>(at)};
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
  const Layout* const layout = find(record.begin + record.size, out, found + 1);
  if (!layout || layout->leads.size() * 2 != found) return;
  rows_[row] = {layout, static_cast<std::uint32_t>(count_)};
  // A nested bracket begins its value (the kernel saw to it), so the value's last bracket is its partner.
  for (std::uint32_t slot = 0; slot < keys_.size(); ++slot) {
    const std::string_view text = value(row, slot);
    if (text.empty() || (text.front() != '{' && text.front() != '[')) continue;
    if (text.back() != (text.front() == '{' ? '}' : ']')) {
      rows_[row].layout = nullptr;
      return;
    }
  }
  count_ += found + 1;
}

inline bool BlockIndex::same(const Layout& layout, std::uint32_t end, const std::uint32_t* members,
                             std::size_t left) const {
  const std::size_t last = layout.leads.size() * 2;
  if (last >= left || members[last] != end - 1) return false;
  std::uint32_t before = members[0];
  for (const Layout::Lead& lead : layout.leads) {
    const char* const at = text_ + before;
    const std::uint32_t behind = members[2];
    if (members[1] - before != lead.colon || behind - before <= lead.size) return false;
    if (((load8(at) ^ lead.head) & lead.mask) != 0) return false;
    if (lead.size > 8 && load8(at + lead.size - 8) != lead.tail) return false;
    if (lead.size > 16 && std::memcmp(at + 8, layout.texts.data() + lead.text + 8, lead.size - 16) != 0)
      return false;
    // No white space around the value but what is part of the lead.
    if (static_cast<unsigned char>(at[lead.size]) <= ' ' ||
        static_cast<unsigned char>(text_[behind - 1]) <= ' ')
      return false;
    before = behind;
    members += 2;
  }
  return true;
}

const Layout* BlockIndex::find(std::uint32_t end, const std::uint32_t* members, std::size_t left) {
  if (last_ < layouts_.size() && same(*layouts_[last_], end, members, left)) [[likely]]
    return layouts_[last_].get();
  for (std::size_t i = 0; i < layouts_.size(); ++i) {
    if (i == last_ || !same(*layouts_[i], end, members, left)) continue;
    last_ = i;
    return layouts_[i].get();
  }
  return layouts_.size() < kMostLayouts ? learn(end, members, left) : nullptr;
}

const Layout* BlockIndex::learn(std::uint32_t end, const std::uint32_t* members, std::size_t left) {
  auto layout = std::make_unique<Layout>();
  layout->number = static_cast<std::uint32_t>(layouts_.size());
  layout->member_of.assign(keys_.size(), Layout::kMissing);
  std::uint32_t before = left > 0 ? members[0] : 0;
  for (std::size_t i = 1;; i += 2) {
    if (i + 1 >= left || layout->leads.size() == Layout::kMostMembers) return nullptr;
    const std::uint32_t colon = members[i];
    const std::uint32_t behind = members[i + 1];
    if (behind >= end || text_[colon] != ':') return nullptr;
    const std::uint32_t value = colon + 1 + (text_[colon + 1] == ' ' ? 1 : 0);
    const std::uint32_t key = before + 1 + (text_[before + 1] == ' ' ? 1 : 0);
    if (value >= behind || static_cast<unsigned char>(text_[value]) <= ' ' ||
        static_cast<unsigned char>(text_[behind - 1]) <= ' ' || colon < key + 2 || text_[key] != '"' ||
        text_[colon - 1] != '"') {
      return nullptr;
    }
    const std::string_view inside(text_ + key + 1, colon - key - 2);
    if (inside.find_first_of("\"\\") != std::string_view::npos) return nullptr;
    const auto slot = std::find(keys_.begin(), keys_.end(), inside) - keys_.begin();
    if (static_cast<std::size_t>(slot) != keys_.size()) {
      std::uint16_t& member = layout->member_of[static_cast<std::size_t>(slot)];
      if (member != Layout::kMissing) return nullptr;
      member = static_cast<std::uint16_t>(layout->leads.size());
    }
    Layout::Lead lead;
    lead.size = value - before;
    lead.colon = colon - before;
    lead.key = key - before;
    lead.mask = first_bytes(lead.size);
    lead.head = load8(text_ + before) & lead.mask;
    if (lead.size > 8) lead.tail = load8(text_ + value - 8);
    lead.text = static_cast<std::uint32_t>(layout->texts.size());
    layout->texts.append(text_ + before, lead.size);
    layout->leads.push_back(lead);
    before = behind;
    if (behind == end - 1) break;
    if (text_[behind] != ',') return nullptr;
  }
  last_ = layouts_.size();
  return layouts_.emplace_back(std::move(layout)).get();
}

}  // namespace pipec::runtime::json
