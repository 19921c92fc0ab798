// The text of a failure, built without allocation, so that a failing record costs no more than a successful
// one.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace pipec::runtime::eval {

class Reason {
 public:
  // Joins the parts; what does not fit is cut off between two characters and marked with "...".
  std::string_view assign(std::initializer_list<std::string_view> parts);
  std::string_view text() const { return {text_, size_}; }

 private:
  static constexpr std::size_t kMost = 480;
  char text_[kMost + 3];
  std::size_t size_ = 0;
};

// An integer as text, for a part of a reason.
class Digits {
 public:
  template <typename Integer>
  explicit Digits(Integer value) : end_(std::to_chars(text_, text_ + sizeof text_, value).ptr) {}
  operator std::string_view() const { return {text_, static_cast<std::size_t>(end_ - text_)}; }

 private:
  char text_[24];
  char* end_;
};

}  // namespace pipec::runtime::eval
