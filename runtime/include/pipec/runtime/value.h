// A value of the pipe language: 32 bytes, trivially copyable, never owning. It points into a record's bytes,
// an Arena or a program's constants, which must outlive it.
//
// Values read from a record keep their form: a number keeps its text (`1.10`), a string its escapes, an array
// or object its slice. Copying a value therefore copies its bytes, and nothing is decoded before it is
// needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pipec::runtime {

class Arena;

// The types of the language. `failed` is not a type: evaluation failed, and the reason is already in the
// frame.
enum class Type : std::uint8_t {
  null,
  boolean,
  integer,
  floating,
  string,
  bytes,
  timestamp,  // nanoseconds since 1970-01-01T00:00:00Z
  duration,   // nanoseconds; lives in expressions only, a record holds none
  array,
  object,
  failed,
};

// The name that `type()` and error messages use: "null", "bool", "int", "float", ...
std::string_view type_name(Type type);

// A set of types, for signatures and for the compiler's type inference.
class TypeSet {
 public:
  constexpr TypeSet() = default;
  constexpr TypeSet(Type type) : bits_(static_cast<std::uint16_t>(1U << static_cast<unsigned>(type))) {}
  static constexpr TypeSet any() { return from_bits(0x3ff); }
  static constexpr TypeSet number() { return TypeSet(Type::integer) | Type::floating; }
  static constexpr TypeSet from_bits(std::uint16_t bits) {
    TypeSet result;
    result.bits_ = bits;
    return result;
  }
  constexpr TypeSet operator|(TypeSet other) const {
    return from_bits(static_cast<std::uint16_t>(bits_ | other.bits_));
  }
  constexpr TypeSet operator&(TypeSet other) const {
    return from_bits(static_cast<std::uint16_t>(bits_ & other.bits_));
  }
  constexpr TypeSet without(TypeSet other) const {
    return from_bits(static_cast<std::uint16_t>(bits_ & ~other.bits_));
  }
  constexpr bool has(Type type) const { return (bits_ >> static_cast<unsigned>(type)) & 1U; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const TypeSet&) const = default;
  constexpr std::uint16_t bits() const { return bits_; }

 private:
  std::uint16_t bits_ = 0;
};

struct Member;

class Value {
 public:
  // How the payload is held.
  enum class Form : std::uint8_t {
    plain,  // scalars: the payload; strings and bytes: decoded bytes
    json,   // string: the text between the quotes, escapes not decoded; array, object: its slice of JSON text
    built,  // array: Value[size]; object: Member[size] (keys unique, in order)
    msgpack,  // array, object: its slice of MsgPack
  };

  constexpr Value() = default;  // null

  // As a MsgPack record may hold it: beyond int64 it is a number of the data, without a text (see
  // exact_text).
  static constexpr Value unsigned_integer(std::uint64_t u) {
    Value v = integer(static_cast<std::int64_t>(u));
    v.beyond_ = v.integer_ < 0;
    return v;
  }
  static constexpr Value boolean(bool b) {
    Value v(Type::boolean);
    v.integer_ = b ? 1 : 0;
    return v;
  }
  static constexpr Value integer(std::int64_t i) {
    Value v(Type::integer);
    v.integer_ = i;
    return v;
  }
  static constexpr Value floating(double f) {
    Value v(Type::floating);
    v.floating_ = f;
    return v;
  }
  static constexpr Value timestamp(std::int64_t nanoseconds) {
    Value v(Type::timestamp);
    v.integer_ = nanoseconds;
    return v;
  }
  static constexpr Value duration(std::int64_t nanoseconds) {
    Value v(Type::duration);
    v.integer_ = nanoseconds;
    return v;
  }
  static constexpr Value string(std::string_view decoded) { return text_value(Type::string, decoded); }
  static constexpr Value bytes(std::string_view raw) { return text_value(Type::bytes, raw); }
  // `inside`: the text between the quotes of a JSON string; escaped: it holds a backslash.
  static constexpr Value json_string(std::string_view inside, bool escaped) {
    Value v = text_value(Type::string, inside);
    v.form_ = escaped ? Form::json : Form::plain;
    v.from_json_ = true;
    return v;
  }
  // `slice`: from the bracket to its partner, both included. Its brackets balance; nothing else of it is
  // checked.
  static constexpr Value json_array(std::string_view slice) { return json_slice(Type::array, slice); }
  static constexpr Value json_object(std::string_view slice) { return json_slice(Type::object, slice); }
  // `slice`: one MsgPack array or map, its head included.
  static constexpr Value msgpack_array(std::string_view slice) {
    Value v = text_value(Type::array, slice);
    v.form_ = Form::msgpack;
    return v;
  }
  static constexpr Value msgpack_object(std::string_view slice) {
    Value v = text_value(Type::object, slice);
    v.form_ = Form::msgpack;
    return v;
  }
  static constexpr Value built_array(const Value* items, std::uint32_t count) {
    Value v(Type::array);
    v.form_ = Form::built;
    v.items_ = items;
    v.size_ = count;
    return v;
  }
  static constexpr Value built_object(const Member* members, std::uint32_t count) {
    Value v(Type::object);
    v.form_ = Form::built;
    v.members_ = members;
    v.size_ = count;
    return v;
  }
  static constexpr Value failed() { return Value(Type::failed); }

  // A number from the data keeps its text and is written back unchanged.
  constexpr Value with_text(std::string_view number) const {
    Value v = *this;
    v.raw_ = number.data();
    v.size_ = static_cast<std::uint32_t>(number.size());
    return v;
  }
  // A number that no int64 or double holds: it compares by its text and takes no part in arithmetic. The
  // payload of a floating one is the nearest double (infinity included); an integer one with a text has none,
  // one without is the payload taken as unsigned.
  constexpr Value beyond_machine() const {
    Value v = *this;
    v.beyond_ = true;
    return v;
  }

  constexpr Type type() const { return type_; }
  constexpr Form form() const { return form_; }
  constexpr bool is_null() const { return type_ == Type::null; }
  constexpr bool is_failed() const { return type_ == Type::failed; }
  constexpr bool is_number() const { return type_ == Type::integer || type_ == Type::floating; }
  constexpr bool is_beyond() const { return beyond_; }
  constexpr bool is_escaped() const { return form_ == Form::json && type_ == Type::string; }
  // A string whose bytes may be written between quotes unchanged (it came from JSON text).
  constexpr bool is_json_text() const { return from_json_; }

  constexpr bool as_bool() const { return integer_ != 0; }
  constexpr std::int64_t as_int() const { return integer_; }  // integer, timestamp and duration
  constexpr double as_float() const { return floating_; }
  // string (plain: decoded; json: with its escapes), bytes, or the slice of a json or msgpack array or
  // object.
  constexpr std::string_view text() const { return {text_, size_}; }
  // The number's text in the data; empty for computed numbers and for binary ones (see exact_text).
  constexpr std::string_view number_text() const {
    return raw_ ? std::string_view{raw_, size_} : std::string_view{};
  }
  constexpr const Value* items() const { return items_; }
  constexpr const Member* members() const { return members_; }
  constexpr std::uint32_t size() const { return size_; }  // bytes of text, or the count of a built value

 private:
  constexpr explicit Value(Type type) : type_(type) {}
  static constexpr Value text_value(Type type, std::string_view text) {
    Value v(type);
    v.text_ = text.data();
    v.size_ = static_cast<std::uint32_t>(text.size());
    return v;
  }
  static constexpr Value json_slice(Type type, std::string_view slice) {
    Value v = text_value(type, slice);
    v.form_ = Form::json;
    return v;
  }

  Type type_ = Type::null;
  Form form_ = Form::plain;
  bool beyond_ = false;
  bool from_json_ = false;
  std::uint32_t size_ = 0;
  union {
    std::int64_t integer_ = 0;
    double floating_;
    const char* text_;
    const Value* items_;
    const Member* members_;
  };
  const char* raw_ = nullptr;
};

struct Member {
  std::string_view key;  // decoded
  Value value;
};

// The digits of a number beyond 64 bits, whatever its source; `room` holds them if nothing else does.
inline constexpr std::size_t kUnsignedDigits = 20;
std::string_view exact_text(const Value& beyond, char (&room)[kUnsignedDigits]);

}  // namespace pipec::runtime
