// The fields of one object before they are written. Of repeated keys the last value counts, at the first
// one's place. Reused from record to record; allocates nothing once it is warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/buffer.h"

namespace pipec::stdlib {

class FieldList {
 public:
  enum class Kind : std::uint8_t {
    text,    // a string, or what `types: auto` makes of it
    string,  // a string
    json,    // JSON as it stands: `null`, `12`
  };

  void clear() {
    fields_.clear();
    arena_.reset();
  }
  // The bytes live until append_to(), for example in the arena.
  void set(std::string_view key, std::string_view value, Kind kind = Kind::text);
  std::size_t size() const { return fields_.size(); }
  runtime::Arena& arena() { return arena_; }

  // `{"key":value,...}`. `typed`: texts are what they look like (append_typed).
  void append_to(runtime::Buffer& out, bool typed = false) const;

 private:
  struct Field {
    std::string_view key;
    std::string_view value;
    Kind kind;
  };
  static constexpr std::size_t kSearched = 16;  // up to here a search is faster than a table

  Field* find(std::string_view key);
  void index(std::size_t field);
  void grow_table();

  std::vector<Field> fields_;
  std::vector<std::uint32_t>
      table_;  // open addressing: 0, or the field's number + 1. From kSearched fields on
  runtime::Arena arena_;
};

}  // namespace pipec::stdlib
