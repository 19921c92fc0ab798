#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace pipec::runtime::record {

// Growable offsets; growth preserves the content.
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

}  // namespace pipec::runtime::record
