// The inner loops over 64-byte blocks, in one version per instruction set. Chosen once, at run time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace pipec::runtime::json {

// Growable offsets; what was written survives growth.
class Offsets {
 public:
  std::uint32_t* data() { return offsets_.get(); }
  const std::uint32_t* data() const { return offsets_.get(); }
  std::size_t room() const { return room_; }
  void grow() {
    const std::size_t larger = std::max<std::size_t>(512, room_ * 2);
    std::unique_ptr<std::uint32_t[]> moved(new std::uint32_t[larger]);
    std::copy(offsets_.get(), offsets_.get() + room_, moved.get());
    offsets_ = std::move(moved);
    room_ = larger;
  }

 private:
  std::unique_ptr<std::uint32_t[]> offsets_;
  std::size_t room_ = 0;
};

struct Kernel {
  const char* name;
  // record[begin] is an opening bracket. Writes the offsets of the `,` and `:` that stand directly in it, and
  // of its closing bracket, which is the last one. Returns how many; 0 where the brackets do not balance by
  // kind, a string is not closed, nesting exceeds kMaxDepth, or a nested bracket does not begin a value.
  std::size_t (*members)(const char* record, std::size_t size, std::size_t begin, Offsets& out);
  // text[0] is an opening bracket and text[size - 1] a closing one. Null where valid; UTF-8 is left to the
  // caller: `ascii` tells whether there is none to check.
  const char* (*validate)(const char* text, std::size_t size, std::size_t* offset, bool* ascii);
};

// The best one for this processor.
const Kernel& best_kernel();
// All that run on this processor, for the tests that compare them.
std::span<const Kernel* const> usable_kernels();

}  // namespace pipec::runtime::json
