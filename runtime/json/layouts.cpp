#include "runtime/json/layouts.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "runtime/json/text.h"

namespace pipec::runtime::json {

namespace {

// The bytes of a loaded word that come first in memory.
std::uint64_t first_bytes(std::size_t count) {
  if (count >= 8) return ~std::uint64_t{0};
  const auto unused = static_cast<unsigned>(64 - 8 * count);
  if constexpr (std::endian::native == std::endian::little) return ~std::uint64_t{0} >> unused;
  return ~std::uint64_t{0} << unused;
}

// What stands behind the separator at `at` and one space.
std::uint32_t behind_space(const char* text, std::uint32_t at) {
  return at + 1 + (text[at + 1] == ' ' ? 1 : 0);
}

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

std::unique_ptr<Layout> LayoutList::begin() const {
  auto layout = std::make_unique<Layout>();
  layout->format = format_;
  layout->member_of.assign(keys_.size(), Layout::kMissing);
  return layout;
}

bool LayoutList::add(Layout& layout, std::string_view key, const char* at, const Layout::Lead& places) const {
  if (layout.leads.size() == Layout::kMostMembers) return false;
  const auto slot = static_cast<std::size_t>(std::find(keys_.begin(), keys_.end(), key) - keys_.begin());
  if (slot != keys_.size()) {
    if (layout.member_of[slot] != Layout::kMissing) return false;
    layout.member_of[slot] = static_cast<std::uint16_t>(layout.leads.size());
  }
  Layout::Lead lead = places;
  lead.mask = first_bytes(lead.size);
  std::memcpy(&lead.head, at, std::min<std::size_t>(lead.size, 8));
  if (lead.size > 8) lead.tail = load8(at + lead.size - 8);
  lead.text = static_cast<std::uint32_t>(layout.texts.size());
  layout.texts.append(at, lead.size);
  layout.leads.push_back(lead);
  return true;
}

const Layout* LayoutList::keep(std::unique_ptr<Layout> layout) {
  layout->number = first_number_ + static_cast<std::uint32_t>(layouts_.size());
  layout->id = next_id();
  return layouts_.emplace_back(std::move(layout)).get();
}

inline bool Layouts::same(const Layout& layout, const char* text, std::uint32_t end,
                          const std::uint32_t* members, std::size_t left) const {
  const std::size_t last = layout.leads.size() * 2;
  if (last >= left || members[last] != end - 1) return false;
  std::uint32_t before = members[0];
  for (const Layout::Lead& lead : layout.leads) {
    const char* const at = text + before;
    const std::uint32_t behind = members[2];
    if (members[1] - before != lead.colon || behind - before <= lead.size) return false;
    if (!layout.begins(at, lead) || !Layout::bare(at[lead.size], text[behind - 1])) return false;
    before = behind;
    members += 2;
  }
  return true;
}

const Layout* Layouts::find(const char* text, std::uint32_t end, const std::uint32_t* members,
                            std::size_t left) {
  const Layout* const known =
      list_.find([&](const Layout& layout) { return same(layout, text, end, members, left); });
  if (known || list_.full() || !learnable(text, end, members, left)) return known;
  return learn(text, end, members);
}

// Whether all that stands between the values is as a layout has it.
bool Layouts::learnable(const char* text, std::uint32_t end, const std::uint32_t* members, std::size_t left) {
  for (std::size_t i = 1;; i += 2) {
    if (i + 1 >= left || i > 2 * Layout::kMostMembers) return false;
    const std::uint32_t colon = members[i];
    const std::uint32_t behind = members[i + 1];
    if (behind >= end || text[colon] != ':') return false;
    const std::uint32_t value = behind_space(text, colon);
    const std::uint32_t key = behind_space(text, members[i - 1]);
    if (value >= behind || !Layout::bare(text[value], text[behind - 1]) || colon < key + 2 ||
        text[key] != '"' || text[colon - 1] != '"') {
      return false;
    }
    if (behind == end - 1) return true;
    if (text[behind] != ',') return false;
  }
}

const Layout* Layouts::learn(const char* text, std::uint32_t end, const std::uint32_t* members) {
  std::unique_ptr<Layout> layout = list_.begin();
  for (std::uint32_t before = members[0]; before != end - 1; before = members[0]) {
    const std::uint32_t colon = members[1];
    const std::uint32_t key = behind_space(text, before);
    const std::string_view inside(text + key + 1, colon - key - 2);
    if (inside.find_first_of("\"\\") != std::string_view::npos) return nullptr;
    Layout::Lead lead;
    lead.size = behind_space(text, colon) - before;
    lead.colon = colon - before;
    lead.key = key - before;
    if (!list_.add(*layout, inside, text + before, lead)) return nullptr;
    members += 2;
  }
  return list_.keep_last(std::move(layout));
}

const Layout* Layouts::adopt(const Layout& theirs) {
  if (last_adopted_ < adopted_.size() && adopted_[last_adopted_].first == theirs.id) [[likely]]
    return adopted_[last_adopted_].second;
  for (last_adopted_ = 0; last_adopted_ < adopted_.size(); ++last_adopted_) {
    if (adopted_[last_adopted_].first == theirs.id) return adopted_[last_adopted_].second;
  }
  if (adopted_.size() == kMostAdopted) return nullptr;
  const auto known = std::find_if(list_.all().begin(), list_.all().end(), [&](const auto& layout) {
    return layout->texts == theirs.texts && layout->leads.size() == theirs.leads.size();
  });
  const Layout* found = nullptr;
  if (known != list_.all().end()) {
    found = known->get();
  } else if (!list_.full()) {
    std::unique_ptr<Layout> layout = list_.begin();
    bool good = true;
    for (const Layout::Lead& lead : theirs.leads) {
      const char* const at = theirs.texts.data() + lead.text;
      good = good && list_.add(*layout, {at + lead.key + 1, lead.colon - lead.key - 2}, at, lead);
    }
    if (good) found = list_.keep(std::move(layout));
  }
  adopted_.emplace_back(theirs.id, found);
  return found;
}

}  // namespace pipec::runtime::json
