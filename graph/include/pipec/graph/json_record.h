// A record read as JSON, one field at a time, when a stage's lambda asks for it (on demand). A record whose
// fields are never requested is not parsed.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/value.h"

namespace pipec::graph {

// Valid during one call of the lambda, like everything it returns. Not thread-safe. Fields are those of the
// top level; nested ones are Values of type array or object, which pipec/runtime/json.h walks. The first
// lookup validates the whole record, unless a parse stage already has. Each lookup scans the record once, so
// a pipeline that reads many fields of each record is faster as text (pipec::compiler).
//
// Lookups in a malformed record return null. The lambda's output for it is discarded, and the record goes
// where the stage's OnError says. After parse_json() there are no malformed records.
class JsonRecord {
 public:
  // `checked`: it is known to be valid. The payload is followed by Buffer::kPadding readable bytes.
  JsonRecord(std::string_view payload, bool checked, runtime::Arena& arena)
      : payload_(payload), checked_(checked), arena_(arena) {}
  JsonRecord(const JsonRecord&) = delete;
  JsonRecord& operator=(const JsonRecord&) = delete;

  // The record's bytes, with what was set.
  std::string_view payload() const { return payload_; }
  // The field's value, null if there is none or the record is not an object. Of repeated keys, the last
  // counts.
  runtime::Value operator[](std::string_view field);
  // nullopt: no such field, or one of another type, or a number that does not fit. Escapes are decoded.
  std::optional<std::string_view> text(std::string_view field);
  std::optional<std::int64_t> integer(std::string_view field);
  std::optional<double> number(std::string_view field);  // of an integer too
  std::optional<bool> boolean(std::string_view field);
  // What a JSON Pointer leads to ("/user/tags/0"); null where there is no such thing.
  runtime::Value at(std::string_view pointer);

  // Sets a field of the top level, or what a JSON Pointer leads to (objects that are missing on the way are
  // added); payload() has it from then on, with all other bytes as they were. A string, a number, a bool or a
  // Value. False: nothing was set, since the record is no object or is malformed, or the pointer leads
  // through a scalar or to an item that an array does not have.
  template <typename T>
  bool set(std::string_view field, const T& value) {
    return set_field(field, as_value(value));
  }
  template <typename T>
  bool set_at(std::string_view pointer, const T& value) {
    return set_value(pointer, as_value(value));
  }

  // For values that the lambda makes; valid as long as the record.
  runtime::Arena& arena() { return arena_; }

  // The record's defect ("unexpected character") and its byte offset; null if there is none or nothing was
  // looked up yet.
  const char* problem() const { return problem_; }
  std::size_t problem_at() const { return problem_at_; }

 private:
  enum class State : std::uint8_t { unknown, valid, malformed };
  void check();
  bool set_field(std::string_view field, const runtime::Value& value);
  bool set_value(std::string_view pointer, const runtime::Value& value);
  template <typename T>
  runtime::Value as_value(const T& value) {
    using runtime::Value;
    if constexpr (std::same_as<T, Value>) {
      return value;
    } else if constexpr (std::same_as<T, bool>) {
      return Value::boolean(value);
    } else if constexpr (std::unsigned_integral<T>) {
      return Value::unsigned_integer(value);
    } else if constexpr (std::integral<T>) {
      return Value::integer(value);
    } else if constexpr (std::floating_point<T>) {
      return Value::floating(static_cast<double>(value));
    } else {
      return Value::string(arena_.copy(std::string_view(value)));
    }
  }

  std::string_view payload_;
  bool checked_;
  State state_ = State::unknown;
  runtime::Value body_;  // null: no object and no array
  const char* problem_ = nullptr;
  std::size_t problem_at_ = 0;
  runtime::Arena& arena_;
};

}  // namespace pipec::graph
