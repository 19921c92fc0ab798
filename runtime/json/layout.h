// The keys of a record in their order, and what stands between its values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pipec::runtime::json {

struct Layout {
  static constexpr std::uint16_t kMissing = 0xffff;
  static constexpr std::size_t kMostMembers = 255;

  // What stands between the end of the value before and a member's own value: `{"key":` or `, "key": `.
  struct Lead {
    std::uint64_t head = 0;  // its first bytes, as far as `mask` goes, and its last ones
    std::uint64_t mask = 0;
    std::uint64_t tail = 0;
    std::uint32_t size = 0;   // of it all
    std::uint32_t colon = 0;  // the colon's place in it
    std::uint32_t key = 0;    // the place of the key's opening quote
    std::uint32_t text = 0;   // where it begins in `texts`
  };
  std::vector<Lead> leads;  // one for each member
  std::string texts;
  std::vector<std::uint16_t> member_of;  // per slot: the number of its member
  std::uint32_t number = 0;              // of the layout, among those of its Layouts
  std::uint64_t id = 0;                  // among those of the process
};

}  // namespace pipec::runtime::json
