// One pass over a MsgPack record finds its top-level members: what json::FieldIndex is for JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/msgpack/read.h"
#include "runtime/record/bytes.h"
#include "runtime/record/field_slot.h"
#include "runtime/record/layout.h"

namespace pipec::runtime::msgpack {

using record::FieldSlot;
using record::KnownMembers;
using record::Shape;

// Checks the structure of the whole record; values are not looked into. Slots hold the LAST member of a
// repeated key. One per worker.
class Index {
 public:
  // `keys` must outlive it.
  explicit Index(const std::vector<std::string>& keys);

  Shape scan(std::string_view record);
  // The same for a record whose members are known, with a layout of the same keys.
  Shape take(const KnownMembers& known);

  const FieldSlot& slot(std::uint32_t i) const { return slots_[i]; }
  // Valid after a scan that returned `object`:
  std::uint32_t members() const { return members_; }  // repeated ones counted each
  std::uint32_t body() const { return body_; }        // the offset of the first key
  bool repeated() const { return repeated_; }         // a wanted key occurs more than once

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // The key that stood at this place of the last record, mostly the same again: its bytes with the head's, in
  // words to be compared under masks. Longer ones are looked up.
  static constexpr std::size_t kExpectedWords = 3;
  static constexpr std::size_t kExpectedBytes = kExpectedWords * 8;
  struct Expected {
    std::uint32_t slot = kNone;
    std::uint32_t size = 0;  // 0: no key
    std::uint64_t words[kExpectedWords] = {};
    std::uint64_t masks[kExpectedWords] = {};
    // kExpectedBytes are readable.
    bool matches(const char* at) const {
      std::uint64_t different = 0;
      for (std::size_t i = 0; i < kExpectedWords; ++i) different |= (load8(at + i * 8) ^ words[i]) & masks[i];
      return different == 0 && size != 0;
    }
  };
  static constexpr std::size_t kExpected = 64;

  const char* read_any_key(const char* at, const char* end, std::string_view& text);
  void expect(const char* key, std::size_t size, std::uint32_t slot, std::uint32_t place);
  std::uint32_t find(std::string_view key) const;

  const std::vector<std::string>& keys_;
  std::vector<std::uint32_t> order_;  // slots by key
  std::vector<FieldSlot> slots_;
  std::vector<Expected> expected_;  // by the number of the member
  Arena arena_;                     // texts of non-string keys
  std::uint32_t members_ = 0;
  std::uint32_t body_ = 0;
  bool repeated_ = false;
};

}  // namespace pipec::runtime::msgpack
