// Writes JSON piece by piece:
//
//   JsonWriter out;
//   out.begin_object().key("id").value(7).key("tags").begin_array().value("a").end_array().end_object();
//   emit.record(out.text());                 // {"id":7,"tags":["a"]}
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

// One thread. A call that would give wrong JSON (a value without its key, an end without its begin) throws
// std::logic_error.
class JsonWriter {
 public:
  JsonWriter() : text_(pool_.get(256)) {}

  JsonWriter& begin_object() { return begin('{'); }
  JsonWriter& end_object() { return end('{', '}'); }
  JsonWriter& begin_array() { return begin('['); }
  JsonWriter& end_array() { return end('[', ']'); }
  JsonWriter& key(std::string_view key);

  // As append_json() writes it: what came from a record, byte for byte.
  JsonWriter& value(const Value& value);
  // UTF-8; escapes are added.
  JsonWriter& value(std::string_view text) { return value(Value::string(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth) { return value(Value::boolean(truth)); }
  template <std::signed_integral T>
  JsonWriter& value(T number) {
    return value(Value::integer(number));
  }
  template <std::unsigned_integral T>
  JsonWriter& value(T number) {
    return value(Value::unsigned_integer(number));
  }
  // NaN and the infinities, for which JSON has no text, become null.
  JsonWriter& value(double number);
  JsonWriter& null() { return value(Value()); }
  // JSON text that the caller vouches for.
  JsonWriter& raw(std::string_view json);

  // What was written so far; valid until the next call.
  std::string_view text() const { return text_->view(); }
  // Everything that was begun has ended, and there is a value.
  bool complete() const { return open_.empty() && text_->size() != 0; }
  // Begins anew; keeps the memory.
  void clear();

 private:
  JsonWriter& begin(char bracket);
  JsonWriter& end(char bracket, char partner);
  void before_value();

  BufferPool pool_;
  BufferRef text_;
  std::string open_;            // the brackets that have not ended yet
  bool first_ = true;           // nothing stands in the innermost one yet
  bool expects_value_ = false;  // a key was written
};

}  // namespace pipec::runtime
