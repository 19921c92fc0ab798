// A set of types in words: "a string", "an int or float", "a string, array or object". For reasons and
// messages.
#pragma once

#include <string_view>

#include "pipec/runtime/value.h"

namespace pipec::runtime::eval {

class TypeWords {
 public:
  explicit TypeWords(TypeSet types);
  std::string_view text() const { return {text_, size_}; }

 private:
  void add(std::string_view word);
  char text_[112];
  std::size_t size_ = 0;
};

}  // namespace pipec::runtime::eval
