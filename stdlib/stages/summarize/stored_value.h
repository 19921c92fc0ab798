// A value that outlives its record: an aggregate's state, a group's key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/value.h"

namespace pipec::stdlib {

class StoredValue {
 public:
  StoredValue() = default;  // null
  explicit StoredValue(const runtime::Value& value, runtime::Arena& arena) { set(value, arena); }
  // Numbers of the data that fit a machine's lose their text: 1.10 becomes 1.1.
  void set(const runtime::Value& value, runtime::Arena& arena);

  runtime::Type type() const { return type_; }
  bool is_null() const { return type_ == runtime::Type::null; }
  // Valid as long as this and the arena's content.
  runtime::Value value(runtime::Arena& arena) const;

  void write(std::string& out) const;
  static std::optional<StoredValue> read(std::string_view& from);
  std::size_t bytes() const { return text_.capacity() > kInside ? text_.capacity() : 0; }

 private:
  static constexpr std::size_t kInside = 15;  // what a string holds without memory of its own
  bool is_text() const;

  runtime::Type type_ = runtime::Type::null;
  bool json_ = false;       // the text is JSON: an array, an object, a number beyond the machine's
  std::uint64_t bits_ = 0;  // of a scalar
  std::string text_;
};

}  // namespace pipec::stdlib
