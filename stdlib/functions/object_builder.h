// An object that grows in the arena; a repeated key replaces its value, in the first place.
#pragma once

#include <string_view>
#include <unordered_map>

#include "stdlib/functions/builders.h"

namespace pipec::stdlib {

class ObjectBuilder {
 public:
  explicit ObjectBuilder(runtime::Arena& arena, std::size_t expected = 8) : members_(arena, expected) {}

  // The key's bytes must live as long as the object.
  void set(std::string_view key, const runtime::Value& value) {
    const std::size_t place = find(key);
    if (place < members_.size()) {
      members_[place].value = value;
      return;
    }
    members_.push({key, value});
    if (members_.size() == kSearched + 1) {
      for (std::size_t i = 0; i < members_.size(); ++i) places_.emplace(members_[i].key, i);
    } else if (members_.size() > kSearched) {
      places_.emplace(key, place);
    }
  }
  std::size_t size() const { return members_.size(); }
  runtime::Value finish() { return finished(members_); }

 private:
  static constexpr std::size_t kSearched = 16;  // up to here a search is faster than a table

  // Its place, or size().
  std::size_t find(std::string_view key) {
    if (members_.size() > kSearched) {
      const auto found = places_.find(key);
      return found == places_.end() ? members_.size() : found->second;
    }
    std::size_t i = 0;
    while (i < members_.size() && members_[i].key != key) ++i;
    return i;
  }

  ListBuilder<runtime::Member> members_;
  std::unordered_map<std::string_view, std::size_t> places_;  // empty up to kSearched
};

}  // namespace pipec::stdlib
