// Assigning metadata: @key, @timestamp, @headers and @headers.name.
#include <algorithm>

#include "pipec/runtime/json.h"
#include "runtime/eval/transform_run.h"

namespace pipec::runtime::eval {

TransformRun::Flow TransformRun::assign_metadata(const Statement& statement) {
  const Expression& expression = statement.expressions[0];
  Value value;
  if (!value_of(expression, value)) return Flow::dead;
  if (!has_assigned_) {
    // Unassigned metadata keeps the record's values.
    const Metadata* own = interpreter_.metadata();
    if (own) {
      assigned_ = *own;
    } else {
      assigned_.key.reset();
      assigned_.timestamp.reset();
      assigned_.headers.clear();
    }
    has_assigned_ = true;
    interpreter_.set_metadata(&assigned_);
  }
  assigned_number_ = 0;
  bool done = false;
  switch (statement.metadata) {
    case MetadataField::key:
      done = assign_key(value, expression.place);
      break;
    case MetadataField::timestamp:
      done = assign_timestamp(value, expression.place);
      break;
    case MetadataField::headers:
      done = assign_headers(value, expression.place);
      break;
    default:
      done = assign_header(statement.text, value, expression.place);
      break;
  }
  return done ? Flow::next : Flow::dead;
}

bool TransformRun::assign_key(const Value& value, const Place& place) {
  if (value.is_null()) {
    assigned_.key.reset();
  } else if (value.type() == Type::string || value.type() == Type::bytes) {
    // The new key may be a part of the old one: copy it before the old one is overwritten.
    assigned_.key =
        std::string(value.type() == Type::string ? decode_string(value, interpreter_.arena()) : value.text());
  } else {
    interpreter_.fail(place, {"@key takes a string, bytes or null, got ", type_name(value.type())});
    return false;
  }
  return true;
}

bool TransformRun::assign_timestamp(const Value& value, const Place& place) {
  if (value.is_null()) {
    assigned_.timestamp.reset();
  } else if (value.type() == Type::timestamp) {
    assigned_.timestamp = value.as_int();
  } else {
    interpreter_.fail(place, {"@timestamp takes a timestamp or null, got ", type_name(value.type())});
    return false;
  }
  return true;
}

// The outer optional: whether the value may be a header's; the inner one: whether it has a value.
std::optional<std::optional<std::string>> TransformRun::header_text(const Value& value, const Place& place) {
  using Text = std::optional<std::string>;
  if (value.is_null()) return Text();
  if (value.type() == Type::string) return Text(decode_string(value, interpreter_.arena()));
  if (value.type() == Type::bytes) return Text(value.text());
  interpreter_.fail(place, {"a header takes a string, bytes or null, got ", type_name(value.type())});
  return std::nullopt;
}

bool TransformRun::assign_headers(const Value& value, const Place& place) {
  std::vector<Header> headers;
  if (value.type() == Type::object) {
    const Value members = expand(value, interpreter_.arena());
    if (members.is_failed()) {
      interpreter_.set_malformed();
      return false;
    }
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      const Member& member = members.members()[i];
      auto text = header_text(member.value, place);
      if (!text) return false;
      headers.push_back({std::string(member.key), std::move(*text)});
    }
  } else if (!value.is_null()) {
    interpreter_.fail(place, {"@headers takes an object or null, got ", type_name(value.type())});
    return false;
  }
  assigned_.headers = std::move(headers);
  return true;
}

// A set header stays in its place, null removes it.
bool TransformRun::assign_header(const std::string& name, const Value& value, const Place& place) {
  auto text = header_text(value, place);
  if (!text) return false;
  auto& headers = assigned_.headers;
  const auto is_it = [&](const Header& header) { return header.name == name; };
  const auto first = std::find_if(headers.begin(), headers.end(), is_it);
  if (!text->has_value()) {
    headers.erase(std::remove_if(first, headers.end(), is_it), headers.end());
  } else if (first == headers.end()) {
    headers.push_back({name, std::move(*text)});
  } else {
    first->value = std::move(*text);
    headers.erase(std::remove_if(first + 1, headers.end(), is_it), headers.end());
  }
  return true;
}

std::uint32_t TransformRun::metadata_number() {
  if (assigned_number_ == 0) {
    auto& all = output_.batch().metadata;
    all.push_back(assigned_);
    assigned_number_ = static_cast<std::uint32_t>(all.size());
  }
  return assigned_number_;
}

}  // namespace pipec::runtime::eval
