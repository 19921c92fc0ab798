#include "runtime/eval/type_words.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace pipec::runtime::eval {

TypeWords::TypeWords(TypeSet types) {
  if (types == TypeSet::any()) {
    add("a value");
    return;
  }
  // The most specific type first, null last.
  constexpr std::array kOrder = {Type::string,    Type::integer,  Type::floating, Type::boolean, Type::bytes,
                                 Type::timestamp, Type::duration, Type::array,    Type::object,  Type::null};
  std::array<std::string_view, kOrder.size()> words;
  std::size_t count = 0;
  const bool number = types.has(Type::integer) && types.has(Type::floating);
  for (const Type type : kOrder) {
    if (!types.has(type) || (number && type == Type::floating)) continue;
    words[count++] = number && type == Type::integer ? "number" : type_name(type);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 0) {
      const bool vowel = std::string_view("aeiou").find(words[0][0]) != std::string_view::npos;
      if (words[0] != "null") add(vowel ? "an " : "a ");
    } else {
      add(i + 1 == count ? " or " : ", ");
    }
    add(words[i]);
  }
}

void TypeWords::add(std::string_view word) {
  const std::size_t fits = std::min(word.size(), sizeof text_ - size_);
  std::memcpy(text_ + size_, word.data(), fits);
  size_ += fits;
}

}  // namespace pipec::runtime::eval
