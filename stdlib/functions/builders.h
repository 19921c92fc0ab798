// Strings, arrays and objects that grow inside the arena of one evaluation: nothing is allocated elsewhere.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/value.h"

namespace pipec::stdlib {

// The largest string, in bytes, that one call returns if its arguments could multiply (replace, join).
inline constexpr std::size_t kMaxText = std::size_t{64} << 20;

class TextBuilder {
 public:
  explicit TextBuilder(runtime::Arena& arena, std::size_t expected = 64) : arena_(arena) { grow(expected); }

  void append(std::string_view text) {
    if (capacity_ - size_ < text.size()) grow(text.size());
    if (!text.empty()) std::memcpy(bytes_ + size_, text.data(), text.size());
    size_ += text.size();
  }
  void append(char c) {
    if (size_ == capacity_) grow(1);
    bytes_[size_++] = c;
  }
  std::size_t size() const { return size_; }
  bool too_long() const { return size_ > kMaxText; }
  std::string_view view() const { return {bytes_, size_}; }

 private:
  void grow(std::size_t more) {
    const std::size_t wanted = std::max(size_ + more, capacity_ * 2);
    char* bytes = arena_.allocate(wanted);
    if (size_ > 0) std::memcpy(bytes, bytes_, size_);
    bytes_ = bytes;
    capacity_ = wanted;
  }

  runtime::Arena& arena_;
  char* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// For trivially copyable things: Values and Members.
template <typename T>
class ListBuilder {
 public:
  explicit ListBuilder(runtime::Arena& arena, std::size_t expected = 8) : arena_(arena) {
    if (expected > 0) grow(expected);
  }

  void push(const T& item) {
    if (size_ == capacity_) grow(1);
    items_[size_++] = item;
  }
  std::size_t size() const { return size_; }
  T* data() { return items_; }
  T& operator[](std::size_t i) { return items_[i]; }

 private:
  void grow(std::size_t more) {
    const std::size_t wanted = std::max(size_ + more, capacity_ * 2);
    T* items = arena_.allocate_array<T>(wanted);
    for (std::size_t i = 0; i < size_; ++i) items[i] = items_[i];
    for (std::size_t i = size_; i < wanted; ++i) items[i] = T{};
    items_ = items;
    capacity_ = wanted;
  }

  runtime::Arena& arena_;
  T* items_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

inline runtime::Value finished(ListBuilder<runtime::Value>& items) {
  return runtime::Value::built_array(items.data(), static_cast<std::uint32_t>(items.size()));
}

// Keys must be unique.
inline runtime::Value finished(ListBuilder<runtime::Member>& members) {
  return runtime::Value::built_object(members.data(), static_cast<std::uint32_t>(members.size()));
}

}  // namespace pipec::stdlib
