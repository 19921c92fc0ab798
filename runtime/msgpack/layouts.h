// The members of MsgPack records, many at once: what json::Layouts is for JSON. A record that is like the one
// before is compared with its layout from its bytes: the keys must be the same, the values are stepped over.
//
// What is said of a record with a layout is what Index would say of it: an object, each wanted key in it once
// at most. Of any other record nothing is said: it goes the ordinary way.
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

  // The layout of the record text[begin, end), behind which Buffer::kPadding bytes are readable; null where
  // nothing is known of it. Where there is one, members[count] and what follows are its members as BlockIndex
  // has them, and `count` is behind them.
  const Layout* find(const char* text, std::uint32_t begin, std::uint32_t end, record::Offsets& members,
                     std::size_t& count);

 private:
  const Layout* learn(const char* text, const std::uint32_t* places, std::size_t found);

  record::LayoutList list_;
  Arena arena_;  // texts of keys that are no strings
};

}  // namespace pipec::runtime::msgpack
