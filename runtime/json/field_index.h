// One pass over a record finds its top-level members: the heart of every on-demand read.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "pipec/runtime/program.h"
#include "runtime/json/kernel.h"
#include "runtime/record/field_slot.h"

namespace pipec::runtime::json {

using record::FieldSlot;
using record::Shape;

// Finds the members of a FieldSet in one record after another. Checks the structure of the whole record
// (brackets, strings, `"key": value` pairs separated by commas at the top level), but not the values of other
// members. Invariants: slots hold the LAST member of a repeated key; escaped keys are found by their decoded
// name. One per worker. A record must be followed by Buffer::kPadding readable bytes.
class FieldIndex {
 public:
  explicit FieldIndex(const FieldSet& fields, const Kernel& kernel = best_kernel());
  FieldIndex(const FieldIndex&) = delete;
  FieldIndex& operator=(const FieldIndex&) = delete;

  // `trusted`: a parse stage has validated the record, structure checks may be left out.
  Shape scan(std::string_view record, bool trusted = false);

  const FieldSlot& slot(std::uint32_t i) const { return slots_[i]; }
  // Valid after a scan that returned `object`:
  std::uint32_t object_begin() const { return object_begin_; }  // the offset of `{`
  std::uint32_t object_end() const { return object_end_; }      // the offset of the matching `}`
  std::uint32_t members() const { return members_; }            // repeated ones counted each
  bool repeated() const { return repeated_; }                   // a wanted key occurs more than once
  // The i-th member of that record, wanted or not.
  FieldSlot member(std::string_view record, std::uint32_t i) const;

 private:
  // A wanted key. Its first 8 bytes (padded with zeros) and its length are compared before the rest.
  struct Wanted {
    std::uint64_t head = 0;
    std::uint32_t size = 0;
    std::uint32_t slot = 0;
    const char* bytes = nullptr;  // into keys_
  };

  // The key that stood at this place of the last record: mostly the same again. Only keys of up to 16 bytes
  // without quotes and backslashes are remembered.
  struct Expected {
    std::uint64_t head = 0;
    std::uint64_t mask = 0;               // the bytes of head that are the key's
    std::uint64_t tail = 0;               // the last 8 bytes, if there are more than 8
    std::uint32_t size = UINT32_MAX - 8;  // no key: none is as long
    const Wanted* wanted = nullptr;
  };
  static constexpr std::size_t kExpected = 64;

  Shape scan_object(std::string_view record, bool trusted);
  bool look_up(const char* key, std::uint32_t size, std::size_t place, bool trusted, const Wanted*& wanted);
  // The wanted key with these bytes, or nullptr. Reads up to 8 bytes past the key.
  const Wanted* find(const char* key, std::uint32_t size) const;
  const Wanted* find_escaped(std::string_view inside);

  const Kernel* kernel_;
  std::vector<FieldSlot> slots_;
  std::vector<char> keys_;  // the bytes of all wanted keys
  std::vector<Wanted> wanted_;
  std::vector<std::uint16_t> buckets_;  // open addressing, a power of two: index into wanted_ plus 1, or 0
  unsigned shift_ = 0;                  // hash to bucket
  std::vector<Expected> expected_;      // by the number of the member, kExpected of them
  std::vector<char> decoded_;           // an escaped key
  Offsets offsets_;                     // of the last scan: colon and end of each member
  std::uint32_t object_begin_ = 0;
  std::uint32_t object_end_ = 0;
  std::uint32_t members_ = 0;
  bool repeated_ = false;
};

}  // namespace pipec::runtime::json
