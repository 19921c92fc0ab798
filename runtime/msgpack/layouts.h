// Indexes the members of many MsgPack records at once, like json::Layouts for JSON. A record is compared
// bytewise with the layout of the one before: the keys must be equal, the values are stepped over.
//
// A layout gives the same answer as Index: the record is an object and contains each wanted key at most once.
// Any other record has no layout and takes the slow path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "runtime/record/layout_list.h"
#include "runtime/record/offsets.h"

namespace pipec::runtime::msgpack {

using record::Layout;

// One per worker.
class Layouts {
 public:
  explicit Layouts(const FieldSet& fields) : list_(fields, Format::msgpack) {}

  // The layout of the record text[begin, end), which must be followed by Buffer::kPadding readable bytes;
  // null if unknown. If there is one, its members are written from members[count] on, as BlockIndex has them,
  // and `count` is advanced past them.
  const Layout* find(const char* text, std::uint32_t begin, std::uint32_t end, record::Offsets& members,
                     std::size_t& count);

 private:
  const Layout* learn(const char* text, const std::uint32_t* places, std::size_t found);

  record::LayoutList list_;
  Arena arena_;  // texts of non-string keys
};

}  // namespace pipec::runtime::msgpack
