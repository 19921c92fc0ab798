// A record's shape: its keys in order, and the bytes between its values, for JSON and for MsgPack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "pipec/runtime/batch.h"
#include "runtime/record/bytes.h"

namespace pipec::runtime::record {

struct Layout {
  static constexpr std::uint16_t kMissing = 0xffff;
  static constexpr std::size_t kMostMembers = 255;

  // The bytes between the end of the previous value and a member's value: `{"key":` or `, "key": `. For
  // MsgPack the key, preceded by the map's head for the first member.
  struct Lead {
    std::uint64_t head = 0;  // its first bytes, as far as `mask` goes, and its last ones
    std::uint64_t mask = 0;
    std::uint64_t tail = 0;
    std::uint32_t size = 0;   // of it all
    std::uint32_t colon = 0;  // the colon's place in it; MsgPack: its end
    std::uint32_t key = 0;    // where the key begins, with its quote or head
    std::uint32_t text = 0;   // where it begins in `texts`
  };
  Format format = Format::json;
  std::vector<Lead> leads;  // one for each member
  std::string texts;
  std::vector<std::uint16_t> member_of;  // per slot: the number of its member
  std::uint32_t number = 0;              // of the layout, among those of its LayoutLists
  std::uint64_t id = 0;                  // among those of the process

  // Whether the text at `at` begins with a lead. Eight bytes are readable there, and all of the lead.
  bool begins(const char* at, const Lead& lead) const {
    if (((load8(at) ^ lead.head) & lead.mask) != 0) return false;
    if (lead.size > 8 && load8(at + lead.size - 8) != lead.tail) return false;
    return lead.size <= 16 || std::memcmp(at + 8, texts.data() + lead.text + 8, lead.size - 16) == 0;
  }
  // Whether a value that begins and ends with these bytes has no surrounding white space beyond that of its
  // lead.
  static bool bare(char first, char last) {
    return static_cast<unsigned char>(first) > ' ' && static_cast<unsigned char>(last) > ' ';
  }
};

// The members of a record that was cut together with others, as BlockIndex has them. Null: nothing is known.
struct KnownMembers {
  const Layout* layout = nullptr;
  const std::uint32_t* places = nullptr;
};

}  // namespace pipec::runtime::record
