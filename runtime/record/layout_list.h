#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/program.h"
#include "runtime/record/layout.h"

namespace pipec::runtime::record {

// The layouts of one format that a worker knows, for some wanted fields. One per worker; a layout does not
// change, and may be read by others for as long as this lives.
class LayoutList {
 public:
  // Layouts of one worker's two formats are numbered separately.
  LayoutList(const FieldSet& fields, Format format)
      : keys_(fields.keys),
        format_(format),
        first_number_(format == Format::json ? 0 : static_cast<std::uint32_t>(kMost)) {}

  // The layout equal to a record's; that of the previous record is tried first. Null: none.
  template <typename Same>
  const Layout* find(const Same& same) {
    if (last_ < layouts_.size() && same(*layouts_[last_])) [[likely]]
      return layouts_[last_].get();
    for (std::size_t i = 0; i < layouts_.size(); ++i) {
      if (i == last_ || !same(*layouts_[i])) continue;
      last_ = i;
      return layouts_[i].get();
    }
    return nullptr;
  }
  // The layout of the record before; null: none yet.
  const Layout* last() const { return last_ < layouts_.size() ? layouts_[last_].get() : nullptr; }
  bool full() const { return layouts_.size() == kMost; }
  std::size_t slots() const { return keys_.size(); }
  const std::vector<std::unique_ptr<Layout>>& all() const { return layouts_; }

  // A layout without members, to be filled and kept.
  std::unique_ptr<Layout> begin() const;
  // Adds the next member: `key` is its decoded key, its lead are the bytes at `at`, its places those in
  // `places`. False if a wanted key is repeated, or there are too many members.
  bool add(Layout& layout, std::string_view key, const char* at, const Layout::Lead& places) const;
  const Layout* keep(std::unique_ptr<Layout> layout);
  // keep(), of the record that is before the next one.
  const Layout* keep_last(std::unique_ptr<Layout> layout) {
    last_ = layouts_.size();
    return keep(std::move(layout));
  }

 private:
  static constexpr std::size_t kMost = 32;

  std::vector<std::string> keys_;  // decoded
  Format format_;
  std::uint32_t first_number_;
  std::vector<std::unique_ptr<Layout>> layouts_;
  std::size_t last_ = 0;  // the record's before
};

}  // namespace pipec::runtime::record
