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
#include <utility>
#include <vector>

#include "pipec/runtime/program.h"
#include "runtime/json/kernel.h"
#include "runtime/record/layout_list.h"

namespace pipec::runtime::json {

using record::LayoutList;

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
