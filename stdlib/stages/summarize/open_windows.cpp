#include "stdlib/stages/summarize/open_windows.h"

#include <algorithm>
#include <utility>

#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

Group& OpenWindows::change(const Window& window, std::string_view key, std::uint64_t hash, bool& is_new) {
  Groups& groups = groups_of(window);
  Group& group = groups.of(key, hash, is_new);
  if (is_new) {
    group.number = groups.size() - 1;
    bytes_ += sizeof(Group) + summary_.aggregates.bytes() + group.key.size();
  }
  if (!group.changed) changed_.emplace_back(window, &group);
  group.changed = true;
  return group;
}

const Group* OpenWindows::find(const Window& window, std::string_view key, std::uint64_t hash) {
  const auto found = windows_.find(window);
  return found == windows_.end() ? nullptr : found->second.find(key, hash);
}

bool OpenWindows::merges(const Window& window, const Groups& groups) {
  const auto found = windows_.find(window);
  if (found == windows_.end()) return true;
  for (const Group& group : groups.all()) {
    const Group* known = found->second.find(group.key, group.hash);
    for (std::size_t i = 0; known && i < summary_.aggregates.size(); ++i) {
      const void* const into = summary_.aggregates.state(std::as_const(known->states), i);
      if (!summary_.aggregates[i].merges(into, summary_.aggregates.state(group.states, i))) return false;
    }
  }
  return true;
}

void OpenWindows::merge(const Window& window, const Groups& groups) {
  for (const Group& group : groups.all()) {
    bool is_new = false;
    Group& into = change(window, group.key, group.hash, is_new);
    if (is_new) into.by = group.by;
    bytes_ += held(group);
    for (std::size_t i = 0; i < summary_.aggregates.size(); ++i) {
      summary_.aggregates[i].merge(summary_.aggregates.state(into.states, i),
                                   summary_.aggregates.state(group.states, i));
    }
  }
}

std::size_t OpenWindows::held(const Group& group) const {
  std::size_t all = 0;
  for (std::size_t i = 0; i < summary_.aggregates.size(); ++i) {
    all += summary_.aggregates[i].held(summary_.aggregates.state(group.states, i));
  }
  return all;
}

void OpenWindows::remove_first() {
  const auto first = windows_.begin();
  std::erase_if(changed_, [&](const auto& each) { return each.first == first->first; });
  for (const Group& group : first->second.all()) {
    if (group.saved) removed_.push_back(entry_key(first->first, group.number));
  }
  windows_.erase(first);
  if (windows_.empty()) bytes_ = 0;
}

std::string OpenWindows::entry_key(const Window& window, std::size_t number) {
  // The sign bit flipped, so that keys sort like times.
  const auto sortable = [](std::int64_t time) {
    return hexadecimal(static_cast<std::uint64_t>(time) ^ (std::uint64_t{1} << 63));
  };
  return kPrefix + sortable(window.end) + sortable(window.start) + hexadecimal(number);
}

std::string OpenWindows::saved_group(const Group& group) const {
  std::string bytes;
  write_text(group.key, bytes);
  for (const StoredValue& value : group.by) value.write(bytes);
  for (std::size_t i = 0; i < summary_.aggregates.size(); ++i) {
    summary_.aggregates[i].save(summary_.aggregates.state(group.states, i), bytes);
  }
  return bytes;
}

void OpenWindows::snapshot(runtime::StateEntries& changes) {
  for (std::string& key : removed_) changes.push_back({std::move(key), {}});
  removed_.clear();
  for (const auto& [window, group] : changed_) {
    changes.push_back({entry_key(window, group->number), saved_group(*group)});
    group->changed = false;
    group->saved = true;
  }
  changed_.clear();
}

bool OpenWindows::load_group(const Window& window, std::string_view bytes) {
  const auto key = read_text(bytes);
  if (!key) return false;
  bool is_new = false;
  Group& group = change(window, *key, Groups::hash_of(*key), is_new);
  if (!is_new) return false;
  for (std::size_t i = 0; i < summary_.keys.size(); ++i) {
    auto value = StoredValue::read(bytes);
    if (!value) return false;
    group.by.push_back(std::move(*value));
  }
  for (std::size_t i = 0; i < summary_.aggregates.size(); ++i) {
    if (!summary_.aggregates[i].load(summary_.aggregates.state(group.states, i), bytes)) return false;
  }
  group.changed = false;
  group.saved = true;
  bytes_ += held(group);
  return bytes.empty();
}

bool OpenWindows::restore(const runtime::StateEntries& saved) {
  std::vector<const runtime::StateEntry*> entries;
  for (const runtime::StateEntry& entry : saved) {
    if (is_own(entry.key)) entries.push_back(&entry);
  }
  std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  for (const runtime::StateEntry* entry : entries) {
    const std::string_view key = std::string_view(entry->key).substr(std::string_view(kPrefix).size());
    if (key.size() != 48) return false;
    const auto end = read_hexadecimal(key.substr(0, 16));
    const auto start = read_hexadecimal(key.substr(16, 16));
    const auto number = read_hexadecimal(key.substr(32));
    if (!end || !start || !number) return false;
    const auto time = [](std::uint64_t word) {
      return static_cast<std::int64_t>(word ^ (std::uint64_t{1} << 63));
    };
    const Window window{time(*end), time(*start)};
    const auto known = windows_.find(window);
    if (*number != (known == windows_.end() ? 0 : known->second.size())) return false;
    if (!load_group(window, entry->value)) return false;
  }
  changed_.clear();
  return true;
}

}  // namespace pipec::stdlib
