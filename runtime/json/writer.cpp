#include <cmath>
#include <stdexcept>

#include "pipec/runtime/json.h"
#include "pipec/runtime/json_writer.h"

namespace pipec::runtime {

void JsonWriter::before_value() {
  const bool in_object = !open_.empty() && open_.back() == '{';
  if (in_object && !expects_value_)
    throw std::logic_error("JsonWriter: a value in an object needs a key before it");
  if (open_.empty() && text_->size() != 0)
    throw std::logic_error("JsonWriter: the text holds a value already");
  if (!in_object && !first_) text_->append(',');
  first_ = false;
  expects_value_ = false;
}

JsonWriter& JsonWriter::begin(char bracket) {
  before_value();
  text_->append(bracket);
  open_.push_back(bracket);
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end(char bracket, char partner) {
  if (open_.empty() || open_.back() != bracket || expects_value_) {
    throw std::logic_error("JsonWriter: an end without its begin, or a key without its value");
  }
  text_->append(partner);
  open_.pop_back();
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view key) {
  if (open_.empty() || open_.back() != '{' || expects_value_) {
    throw std::logic_error("JsonWriter: a key belongs in an object, before its value");
  }
  if (!first_) text_->append(',');
  first_ = false;
  append_json_string(key, *text_);
  text_->append(':');
  expects_value_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(const Value& value) {
  before_value();
  append_json(value, *text_);
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  return std::isfinite(number) ? value(Value::floating(number)) : null();
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  before_value();
  text_->append(json);
  return *this;
}

void JsonWriter::clear() {
  text_->clear();
  open_.clear();
  first_ = true;
  expects_value_ = false;
}

}  // namespace pipec::runtime
