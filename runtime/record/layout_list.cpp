#include "runtime/record/layout_list.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace pipec::runtime::record {

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

}  // namespace pipec::runtime::record
