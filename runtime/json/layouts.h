// Indexes the members of many records at once. Most records of a source have the same keys in the same order,
// their shape: a Layout. One pass finds the operators of many lines (Kernel::operators). Each record is then
// compared with the known layouts by the text between its values, two loads per member. If that text is the
// same, and each value begins and ends correctly, the record's structure needs no further check.
//
// A layout gives the same answer as FieldIndex: the record is an object, contains each wanted key at most
// once, and has no white space except one space after `:` or `,`. Any other record has no layout and takes
// the slow path.
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
  // then two for each member: its colon, and the comma or bracket after it; at most `left` in all. Null if
  // the record has no known layout.
  const Layout* find(const char* text, std::uint32_t end, const std::uint32_t* members, std::size_t left);
  // The layout of the previous record; null: none yet. Kernel::follow gives the same answer for it as find().
  const Layout* last() const { return list_.last(); }
  // Their layout `theirs`, with the slots of this one's fields. Null if it contains a field twice, or there
  // are too many.
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
