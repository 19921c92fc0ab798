#include "pipec/graph/json_record.h"

#include <string>

#include "pipec/runtime/json.h"
#include "pipec/runtime/json_pointer.h"

namespace pipec::graph {

using runtime::Type;
using runtime::Value;

Value JsonRecord::operator[](std::string_view field) {
  if (state_ == State::unknown) check();
  if (state_ != State::valid || body_.type() != Type::object) return {};
  return runtime::find_member(body_, field, arena_).value;
}

Value JsonRecord::at(std::string_view pointer) {
  if (state_ == State::unknown) check();
  if (state_ != State::valid) return {};
  return runtime::find_pointer(body_, pointer, arena_).value;
}

bool JsonRecord::set_field(std::string_view field, const Value& value) {
  if (state_ == State::unknown) check();
  if (body_.type() != Type::object) return false;
  std::string pointer = "/";
  for (const char c : field) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return set_value(pointer, value);
}

bool JsonRecord::set_value(std::string_view pointer, const Value& value) {
  if (state_ == State::unknown) check();
  if (state_ != State::valid || body_.is_null() || pointer.empty()) return false;
  const std::string_view steps = arena_.copy(pointer);  // what is found may refer to it
  if (runtime::set_pointer(body_, steps, value, arena_) != runtime::PointerEdit::done) return false;
  payload_ = body_.text();
  return true;
}

void JsonRecord::check() {
  std::string_view text = payload_;
  problem_ = checked_ ? nullptr : runtime::validate_json(text, &problem_at_);
  state_ = problem_ ? State::malformed : State::valid;
  constexpr std::string_view kWhite = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kWhite);
  if (problem_ || begin == std::string_view::npos || (text[begin] != '{' && text[begin] != '[')) return;
  text = text.substr(begin, text.find_last_not_of(kWhite) + 1 - begin);
  body_ = text[0] == '{' ? Value::json_object(text) : Value::json_array(text);
}

std::optional<std::string_view> JsonRecord::text(std::string_view field) {
  const Value value = (*this)[field];
  if (value.type() != Type::string) return std::nullopt;
  return runtime::decode_string(value, arena_);
}

std::optional<std::int64_t> JsonRecord::integer(std::string_view field) {
  const Value value = (*this)[field];
  if (value.type() != Type::integer || value.is_beyond()) return std::nullopt;
  return value.as_int();
}

std::optional<double> JsonRecord::number(std::string_view field) {
  const Value value = (*this)[field];
  if (!value.is_number() || value.is_beyond()) return std::nullopt;
  return value.type() == Type::integer ? static_cast<double>(value.as_int()) : value.as_float();
}

std::optional<bool> JsonRecord::boolean(std::string_view field) {
  const Value value = (*this)[field];
  if (value.type() != Type::boolean) return std::nullopt;
  return value.as_bool();
}

}  // namespace pipec::graph
