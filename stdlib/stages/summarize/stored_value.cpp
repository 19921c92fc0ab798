#include "stdlib/stages/summarize/stored_value.h"

#include <bit>

#include "pipec/runtime/json.h"
#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

using runtime::Type;
using runtime::Value;

bool StoredValue::is_text() const {
  return json_ || type_ == Type::string || type_ == Type::bytes;
}

void StoredValue::set(const Value& value, runtime::Arena& arena) {
  type_ = value.type();
  json_ = type_ == Type::array || type_ == Type::object || value.is_beyond();
  if (json_) {
    thread_local runtime::BufferPool pool(1);
    const runtime::BufferRef buffer = pool.get(256);
    runtime::append_json(value, *buffer);
    text_ = buffer->view();
    return;
  }
  switch (type_) {
    case Type::string:
      text_ = runtime::decode_string(value, arena);
      break;
    case Type::bytes:
      text_ = value.text();
      break;
    case Type::boolean:
      bits_ = value.as_bool() ? 1 : 0;
      break;
    case Type::floating:
      bits_ = std::bit_cast<std::uint64_t>(value.as_float());
      break;
    default:
      bits_ = static_cast<std::uint64_t>(value.as_int());
      break;
  }
}

Value StoredValue::value(runtime::Arena& arena) const {
  if (json_) {
    char* const copy = arena.allocate(text_.size(), runtime::Buffer::kPadding);
    text_.copy(copy, text_.size());
    return runtime::read_json({copy, text_.size()}).value_or(Value());
  }
  const auto number = static_cast<std::int64_t>(bits_);
  switch (type_) {
    case Type::boolean:
      return Value::boolean(bits_ != 0);
    case Type::integer:
      return Value::integer(number);
    case Type::floating:
      return Value::floating(std::bit_cast<double>(bits_));
    case Type::timestamp:
      return Value::timestamp(number);
    case Type::duration:
      return Value::duration(number);
    case Type::string:
      return Value::string(text_);
    case Type::bytes:
      return Value::bytes(text_);
    default:
      return {};
  }
}

void StoredValue::write(std::string& out) const {
  out += static_cast<char>(static_cast<unsigned>(type_) << 1 | (json_ ? 1U : 0U));
  if (is_text()) {
    write_text(text_, out);
  } else if (!is_null()) {
    write_word(bits_, out);
  }
}

std::optional<StoredValue> StoredValue::read(std::string_view& from) {
  if (from.empty()) return std::nullopt;
  const auto head = static_cast<unsigned char>(from[0]);
  from.remove_prefix(1);
  if (head >> 1 >= static_cast<unsigned>(Type::failed)) return std::nullopt;
  StoredValue stored;
  stored.type_ = static_cast<Type>(head >> 1);
  stored.json_ = (head & 1U) != 0;
  const bool container = stored.type_ == Type::array || stored.type_ == Type::object;
  const bool number = stored.type_ == Type::integer || stored.type_ == Type::floating;
  if (stored.json_ ? !container && !number : container) return std::nullopt;
  if (stored.is_text()) {
    const auto text = read_text(from);
    if (!text) return std::nullopt;
    stored.text_ = *text;
    if (!stored.json_) return stored;
    std::string padded = stored.text_ + std::string(runtime::Buffer::kPadding, ' ');
    const std::string_view json(padded.data(), stored.text_.size());
    if (runtime::validate_json(json)) return std::nullopt;
    const auto value = runtime::read_json(json);
    if (!value || value->type() != stored.type_) return std::nullopt;
    return stored;
  }
  if (stored.is_null()) return stored;
  const auto bits = read_word(from);
  if (!bits) return std::nullopt;
  stored.bits_ = *bits;
  return stored;
}

}  // namespace pipec::stdlib
