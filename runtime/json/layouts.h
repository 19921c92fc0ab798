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

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/program.h"
#include "runtime/json/layout.h"

namespace pipec::runtime::json {

// The layouts of one format that a worker knows, for some wanted fields. One per worker; a layout does not
// change, and may be read by others for as long as this lives.
class LayoutList {
 public:
  // Layouts of one worker's two formats have numbers of their own.
  LayoutList(const FieldSet& fields, Format format)
      : keys_(fields.keys),
        format_(format),
        first_number_(format == Format::json ? 0 : static_cast<std::uint32_t>(kMost)) {}

  // The layout that is the same as a record's; that of the record before is asked first. Null: none is.
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
  // The next member, whose key is `key` decoded; its lead are the bytes at `at`, its places those in
  // `places`. False where the key is wanted and there already, or there are too many members.
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

// Those of JSON. One per worker.
class Layouts {
 public:
  explicit Layouts(const FieldSet& fields) : list_(fields, Format::json) {}

  // The layout of the record that ends at `end`. `members`: the offsets in `text` of its opening bracket,
  // then two for each member: its colon, and the comma or bracket behind it; `left` are there at most. Null
  // where nothing is known of it.
  const Layout* find(const char* text, std::uint32_t end, const std::uint32_t* members, std::size_t left);
  // The layout of the record before; null: none yet. What Kernel::follow says of it is what find() would.
  const Layout* last() const { return list_.last(); }
  // What others took for `theirs`, with the slots of this one's fields. Null where a field is in it twice, or
  // there are too many.
  const Layout* adopt(const Layout& theirs);
  std::size_t slots() const { return list_.slots(); }

 private:
  static constexpr std::size_t kMostAdopted = 256;  // of all workers of the stage before

  bool same(const Layout& layout, const char* text, std::uint32_t end, const std::uint32_t* members,
            std::size_t left) const;
  static bool learnable(const char* text, std::uint32_t end, const std::uint32_t* members, std::size_t left);
  const Layout* learn(const char* text, std::uint32_t end, const std::uint32_t* members);

  LayoutList list_;
  std::vector<std::pair<std::uint64_t, const Layout*>> adopted_;  // by the id of theirs
  std::size_t last_adopted_ = 0;
};

}  // namespace pipec::runtime::json
