// The windows of a summarize that have not left, with their groups, and what of them changed since the last
// commit.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pipec/runtime/connector.h"
#include "stdlib/stages/summarize/summary.h"

namespace pipec::stdlib {

class OpenWindows {
 public:
  explicit OpenWindows(const Summary& summary) : summary_(summary) {}

  // The group in this window; `is_new`: it has no records yet. It counts as changed.
  Group& change(const Window& window, std::string_view key, std::uint64_t hash, bool& is_new);
  const Group* find(const Window& window, std::string_view key, std::uint64_t hash);
  // A batch's groups of this window are added, unless one of their records may have to be refused.
  bool merges(const Window& window, const Groups& groups);
  void merge(const Window& window, const Groups& groups);

  bool empty() const { return windows_.empty(); }
  const Window& first() const { return windows_.begin()->first; }
  const Window& last() const { return windows_.rbegin()->first; }
  const Groups& first_groups() const { return windows_.begin()->second; }
  void remove_first();

  void snapshot(runtime::StateEntries& changes);
  // All entries with is_own() keys; false: they are damaged.
  bool restore(const runtime::StateEntries& saved);
  static bool is_own(const std::string& key) { return key.starts_with(kPrefix); }
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr const char* kPrefix = "group ";
  static std::string entry_key(const Window& window, std::size_t number);
  Groups& groups_of(const Window& window) {
    return windows_.try_emplace(window, summary_.aggregates).first->second;
  }
  std::string saved_group(const Group& group) const;
  bool load_group(const Window& window, std::string_view bytes);
  std::size_t held(const Group& group) const;

  const Summary& summary_;
  std::map<Window, Groups> windows_;
  std::vector<std::pair<Window, Group*>> changed_;
  std::vector<std::string> removed_;
  std::size_t bytes_ = 0;
};

}  // namespace pipec::stdlib
