#include "runtime/json/layouts.h"

#include <algorithm>
#include <string_view>

#include "runtime/json/text.h"

namespace pipec::runtime::json {

namespace {

// The position after the separator at `at` and one optional space.
std::uint32_t behind_space(const char* text, std::uint32_t at) {
  return at + 1 + (text[at + 1] == ' ' ? 1 : 0);
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
  const Layout* const known =
      list_.find([&](const Layout& layout) { return same(layout, text, end, members, left); });
  if (known || list_.full() || !learnable(text, end, members, left)) return known;
  return learn(text, end, members);
}

// Whether everything between the values has the form that a layout requires.
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
