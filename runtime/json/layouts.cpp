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

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

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
  if (last_ < layouts_.size() && same(*layouts_[last_], text, end, members, left)) [[likely]]
    return layouts_[last_].get();
  for (std::size_t i = 0; i < layouts_.size(); ++i) {
    if (i == last_ || !same(*layouts_[i], text, end, members, left)) continue;
    last_ = i;
    return layouts_[i].get();
  }
  return layouts_.size() < kMost ? learn(text, end, members, left) : nullptr;
}

const Layout* Layouts::learn(const char* text, std::uint32_t end, const std::uint32_t* members,
                             std::size_t left) {
  auto layout = std::make_unique<Layout>();
  layout->member_of.assign(keys_.size(), Layout::kMissing);
  std::uint32_t before = left > 0 ? members[0] : 0;
  for (std::size_t i = 1;; i += 2) {
    if (i + 1 >= left || layout->leads.size() == Layout::kMostMembers) return nullptr;
    const std::uint32_t colon = members[i];
    const std::uint32_t behind = members[i + 1];
    if (behind >= end || text[colon] != ':') return nullptr;
    const std::uint32_t value = colon + 1 + (text[colon + 1] == ' ' ? 1 : 0);
    const std::uint32_t key = before + 1 + (text[before + 1] == ' ' ? 1 : 0);
    if (value >= behind || !Layout::bare(text[value], text[behind - 1]) || colon < key + 2 ||
        text[key] != '"' || text[colon - 1] != '"') {
      return nullptr;
    }
    const std::string_view inside(text + key + 1, colon - key - 2);
    if (inside.find_first_of("\"\\") != std::string_view::npos) return nullptr;
    if (!note(inside, *layout)) return nullptr;
    Layout::Lead lead;
    lead.size = value - before;
    lead.colon = colon - before;
    lead.key = key - before;
    lead.mask = first_bytes(lead.size);
    lead.head = load8(text + before) & lead.mask;
    if (lead.size > 8) lead.tail = load8(text + value - 8);
    lead.text = static_cast<std::uint32_t>(layout->texts.size());
    layout->texts.append(text + before, lead.size);
    layout->leads.push_back(lead);
    before = behind;
    if (behind == end - 1) break;
    if (text[behind] != ',') return nullptr;
  }
  last_ = layouts_.size();
  return keep(std::move(layout));
}

// The next member's key; false where it is wanted and there already.
bool Layouts::note(std::string_view key, Layout& layout) const {
  const auto slot = static_cast<std::size_t>(std::find(keys_.begin(), keys_.end(), key) - keys_.begin());
  if (slot == keys_.size()) return true;
  if (layout.member_of[slot] != Layout::kMissing) return false;
  layout.member_of[slot] = static_cast<std::uint16_t>(layout.leads.size());
  return true;
}

const Layout* Layouts::keep(std::unique_ptr<Layout> layout) {
  layout->number = static_cast<std::uint32_t>(layouts_.size());
  layout->id = next_id();
  return layouts_.emplace_back(std::move(layout)).get();
}

const Layout* Layouts::adopt(const Layout& theirs) {
  if (last_adopted_ < adopted_.size() && adopted_[last_adopted_].first == theirs.id) [[likely]]
    return adopted_[last_adopted_].second;
  for (last_adopted_ = 0; last_adopted_ < adopted_.size(); ++last_adopted_) {
    if (adopted_[last_adopted_].first == theirs.id) return adopted_[last_adopted_].second;
  }
  if (adopted_.size() == kMostAdopted) return nullptr;
  const auto known = std::find_if(layouts_.begin(), layouts_.end(), [&](const auto& layout) {
    return layout->texts == theirs.texts && layout->leads.size() == theirs.leads.size();
  });
  const Layout* found = nullptr;
  if (known != layouts_.end()) {
    found = known->get();
  } else if (layouts_.size() < kMost) {
    auto layout = std::make_unique<Layout>();
    layout->member_of.assign(keys_.size(), Layout::kMissing);
    layout->texts = theirs.texts;
    bool good = true;
    for (const Layout::Lead& lead : theirs.leads) {
      const std::string_view key(theirs.texts.data() + lead.text + lead.key + 1, lead.colon - lead.key - 2);
      good = good && note(key, *layout);
      layout->leads.push_back(lead);
    }
    if (good) found = keep(std::move(layout));
  }
  adopted_.emplace_back(theirs.id, found);
  return found;
}

}  // namespace pipec::runtime::json
